//! What sending took, and whether the generator kept up.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::{Metric, Run};

use crate::latency::counted_latencies::CountedLatencies;
use crate::stats::order_statistic::OrderStatistics;
use crate::summary::window::Window;

/// The lag at p99 that is never too much.
const LEAST_LAG_BOUND_NS: u64 = 10_000_000;

/// The share of the response time at p99 that lag may be.
const LAG_SHARE: f64 = 0.10;

/// The share of one processor from which a second counts as saturated: the generator's users share
/// one thread.
const SATURATED_CORES: f64 = 0.95;

/// What sending took, and whether the generator kept up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// CPU time for each request sent, in microseconds; none where nothing was sent.
    pub cpu_us_per_request: Option<f64>,
    /// Processors in use, on average.
    pub cores_used: f64,
    /// Processors in use in the busiest second; none where it wasn't told. Of a merged run, those of
    /// the busiest generator.
    pub peak_cores_used: Option<f64>,
    /// Seconds in which its one busy thread had next to no processor time to spare; of a merged run,
    /// the most of any generator.
    pub saturated_seconds: u64,
    /// The sample's 99th percentile of lag, however small the sample; what the verdict is based on.
    pub lag_p99_ns: Option<u64>,
    /// The lag at p99 beyond which the measurement is invalid: 10 ms or 10% of the response time at
    /// p99, whichever is larger.
    pub lag_bound_ns: u64,
    /// The pacer's shortest sleep, in nanoseconds; none in the closed model.
    pub quantum_ns: Option<u64>,
    /// Connections opened.
    pub connections: u64,
    /// Most users that had a connection.
    pub users_used: u64,
    /// Peak resident memory.
    pub peak_memory_bytes: u64,
}

impl Generator {
    pub(crate) fn of(run: &Run, counted: &CountedLatencies, window: &Window) -> Self {
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
        // Several generators have a thread each: what counts is the busiest of them.
        let parts = &run.manifest.merged_from;
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

/// Returns the lag beyond which a percentile of the response time is the generator's own doing.
pub(crate) fn lag_bound_ns(response_ns: Option<u64>) -> u64 {
    let share = response_ns.unwrap_or(0) as f64 * LAG_SHARE;
    LEAST_LAG_BOUND_NS.max(share as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_bound_holds() {
        assert_eq!(lag_bound_ns(None), 10_000_000);
        assert_eq!(lag_bound_ns(Some(50_000_000)), 10_000_000);
        assert_eq!(lag_bound_ns(Some(1_000_000_000)), 100_000_000);
    }
}
