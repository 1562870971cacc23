//! A run second by second, in figures.

use std::collections::BTreeMap;

use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use crate::order_statistic::OrderStatistics;

/// One row of a run's time line with the latencies of what was done in it.
///
/// Arrivals are counted where they were intended, requests sent where they were sent, and the rest
/// where it ended. A percentile with fewer than ten samples beyond it is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// The row as recorded.
    pub row: Row,
    /// The name of the phase that it begins in; empty where there is none.
    pub phase: String,
    /// Whether that phase counts: false for warm-up.
    pub counted: bool,
    /// Processors that the generator used.
    pub generator_cores: f64,
    /// Number of response times.
    pub samples: u64,
    /// Median response time, in nanoseconds.
    pub response_p50_ns: Option<u64>,
    /// Response time at p90, in nanoseconds.
    pub response_p90_ns: Option<u64>,
    /// Response time at p99, in nanoseconds.
    pub response_p99_ns: Option<u64>,
    /// The longest response time, in nanoseconds.
    pub response_max_ns: Option<u64>,
    /// Service time at p99, in nanoseconds.
    pub service_p99_ns: Option<u64>,
    /// The generator's lag at p99, in nanoseconds.
    pub lag_p99_ns: Option<u64>,
}

/// Returns a run row by row, warm-up and what straggled in at the end included.
///
/// An interval of the log belongs to the row that its middle lies in.
pub fn seconds(run: &Run) -> Vec<Second> {
    let mut by_row = BTreeMap::<(usize, Metric), Vec<usize>>::new();
    for (index, interval) in run.intervals.iter().enumerate() {
        let middle = interval.start_ns + interval.duration_ns / 2;
        let after = run
            .timeline
            .rows
            .partition_point(|row| row.start_ns <= middle);
        let key = (after.saturating_sub(1), interval.series.metric);
        by_row.entry(key).or_default().push(index);
    }
    let ordered = |row: usize, metric: Metric| {
        let mut sum = tenfold_run_dir::interval_log::histogram();
        for index in by_row.get(&(row, metric)).into_iter().flatten() {
            run.intervals[*index].histogram.add_to(&mut sum);
        }
        OrderStatistics::of(&sum)
    };
    let at = |ordered: &OrderStatistics, quantile| ordered.quantile(quantile).map(|e| e.value);
    run.timeline
        .rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let response = ordered(index, Metric::Response);
            let phase = run.manifest.phases.get(row.phase);
            Second {
                row: row.clone(),
                phase: phase.map_or_else(String::new, |phase| phase.name.clone()),
                counted: phase.is_some_and(|phase| !phase.warm_up),
                generator_cores: row.generator_cpu_ns as f64 / row.duration_ns.max(1) as f64,
                samples: response.count(),
                response_p50_ns: at(&response, 0.5),
                response_p90_ns: at(&response, 0.9),
                response_p99_ns: at(&response, 0.99),
                response_max_ns: response.raw_quantile(1.0),
                service_p99_ns: at(&ordered(index, Metric::Service), 0.99),
                lag_p99_ns: at(&ordered(index, Metric::Lag), 0.99),
            }
        })
        .collect()
}
