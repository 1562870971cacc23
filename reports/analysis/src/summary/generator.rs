//! Resource usage and lag of the generator.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{Metric, Run};

use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::window::Window;
use tenfold_stats::OrderStatistics;

/// Minimum of the lag bound.
const LAG_BOUND_NS_MIN: u64 = 10_000_000;

/// Lag bound as a share of the response time at p99.
const LAG_SHARE: f64 = 0.10;

/// Cores in use from which a second counts as saturated: all users of the generator share one thread.
const SATURATED_CORES: f64 = 0.95;

/// Resource usage and lag of the generator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// CPU time per sent request, in microseconds. `None` if nothing was sent.
    pub cpu_us_per_request: Option<f64>,
    /// Average number of cores in use.
    pub cores_used: f64,
    /// Cores in use in the busiest second. `None` if not recorded. For a merged run, that of the busiest
    /// generator.
    pub peak_cores_used: Option<f64>,
    /// Seconds in which the thread of the generator used nearly a whole core. For a merged run, the maximum
    /// over the generators.
    pub saturated_seconds: u64,
    /// 99th percentile of the lag, for any sample size; the basis of the verdict.
    pub lag_p99_ns: Option<u64>,
    /// Lag at p99 above which the measurement is invalid: 10 ms or 10% of the response time at p99, whichever
    /// is larger.
    pub lag_bound_ns: u64,
    /// Shortest sleep of the pacer, in nanoseconds. `None` in the closed model.
    pub quantum_ns: Option<u64>,
    /// Connections opened.
    pub connections: u64,
    /// Maximum number of users with a connection.
    pub users_used: u64,
    /// Peak resident memory, in bytes.
    pub peak_memory_bytes: u64,
}

impl Generator {
    pub(crate) fn of(
        run: &Run,
        counted: &CountedLatencies,
        window: &Window,
        parts: &[Part],
    ) -> Self {
        let usage = &run.counts.generator;
        let sent: u64 = run
            .counts
            .phases
            .iter()
            .flatten()
            .map(|counts| counts.sent)
            .sum();
        let raw_p99 =
            |metric| OrderStatistics::of(&counted.histogram(metric, |_| true)).raw_quantile(0.99);
        let cores: Vec<f64> = window
            .rows(run)
            .map(|row| row.generator_cpu_ns as f64 / row.duration_ns.max(1) as f64)
            .collect();
        let mut peak_cores_used = cores.iter().copied().max_by(f64::total_cmp);
        let mut saturated_seconds = cores
            .iter()
            .filter(|cores| **cores >= SATURATED_CORES)
            .count() as u64;
        // Each generator has a thread of its own, so the busiest one counts.
        if !parts.is_empty() {
            let peaks = parts.iter().filter_map(|part| part.peak_cores_used);
            peak_cores_used = peaks.max_by(f64::total_cmp);
            let saturated = parts.iter().map(|part| part.saturated_seconds);
            saturated_seconds = saturated.max().unwrap_or(0);
        }
        Self {
            cpu_us_per_request: (sent > 0).then(|| usage.cpu_ns as f64 / 1e3 / sent as f64),
            cores_used: usage.cpu_ns as f64 / usage.wall_ns.max(1) as f64,
            peak_cores_used,
            saturated_seconds,
            lag_p99_ns: raw_p99(Metric::Lag),
            lag_bound_ns: lag_bound_ns(raw_p99(Metric::Response)),
            quantum_ns: usage.quantum_ns,
            connections: usage.connections,
            users_used: usage.users_used,
            peak_memory_bytes: usage.peak_memory_bytes,
        }
    }
}

/// Returns the lag above which a percentile of the response time is no longer that of the service.
pub(crate) fn lag_bound_ns(response_ns: Option<u64>) -> u64 {
    let share = response_ns.unwrap_or(0) as f64 * LAG_SHARE;
    LAG_BOUND_NS_MIN.max(share as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_bound_is_the_larger_one() {
        assert_eq!(lag_bound_ns(None), 10_000_000);
        assert_eq!(lag_bound_ns(Some(50_000_000)), 10_000_000);
        assert_eq!(lag_bound_ns(Some(1_000_000_000)), 100_000_000);
    }
}
