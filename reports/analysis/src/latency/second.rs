//! Figures of a run, second by second.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{IntervalHistogram, Metric, Run, interval_groups};

use tenfold_stats::OrderStatistics;

/// One row of a run's time line, with the latencies of the requests that ended in it.
///
/// An arrival counts in the second of its intended time, a sent request in the second in which it was sent,
/// and everything else in the second in which it ended. A percentile with fewer than ten samples beyond it
/// is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// The row of the time line.
    pub row: Row,
    /// Name of the phase in which the row begins; empty after the last phase.
    pub phase: String,
    /// True unless the phase is warm-up.
    pub counted: bool,
    /// Processors in use by the generator.
    pub generator_cores: f64,
    /// Number of response times.
    pub samples: u64,
    /// Median response time, in nanoseconds.
    pub response_p50_ns: Option<u64>,
    /// Response time at p90, in nanoseconds.
    pub response_p90_ns: Option<u64>,
    /// Response time at p99, in nanoseconds.
    pub response_p99_ns: Option<u64>,
    /// Maximum response time, in nanoseconds.
    pub response_max_ns: Option<u64>,
    /// Service time at p99, in nanoseconds.
    pub service_p99_ns: Option<u64>,
    /// The generator's lag at p99, in nanoseconds.
    pub lag_p99_ns: Option<u64>,
}

/// Returns the rows of a run, including warm-up and the rows after the last phase.
///
/// Reads `intervals` one row at a time and passes their errors on. An interval belongs to the row that
/// contains its middle.
pub fn seconds<E>(
    run: &Run,
    intervals: impl Iterator<Item = Result<IntervalHistogram, E>>,
) -> impl Iterator<Item = Result<Second, E>> {
    let rows = &run.timeline.rows;
    let row_of = |interval: &IntervalHistogram| {
        let middle = interval.start_ns + interval.duration_ns / 2;
        let after = rows.partition_point(|row| row.start_ns <= middle);
        after.saturating_sub(1) as u64
    };
    let mut interval_groups = interval_groups(intervals, row_of).peekable();
    rows.iter().enumerate().map(move |(index, row)| {
        let mut latencies = BTreeMap::new();
        while let Some(group) = interval_groups.next_if(|next| match next {
            Ok(group) => group.number <= index as u64,
            Err(_) => true,
        }) {
            for interval in group?.intervals {
                let sum = latencies
                    .entry(interval.series.metric)
                    .or_insert_with(tenfold_run_dir::latency_histogram);
                interval.histogram.add_to(sum);
            }
        }
        Ok(second(run, row, &latencies))
    })
}

fn second(run: &Run, row: &Row, latencies: &BTreeMap<Metric, Histogram<u64>>) -> Second {
    let ordered = |metric| latencies.get(&metric).map(OrderStatistics::of);
    let at = |ordered: &Option<OrderStatistics>, quantile| {
        let estimate = ordered.as_ref()?.quantile(quantile);
        estimate.map(|estimate| estimate.value)
    };
    let response = ordered(Metric::Response);
    let phase = run.manifest.phases.get(row.phase);
    Second {
        row: row.clone(),
        phase: phase.map_or_else(String::new, |phase| phase.name.clone()),
        counted: phase.is_some_and(|phase| !phase.warm_up),
        generator_cores: row.generator_cpu_ns as f64 / row.duration_ns.max(1) as f64,
        samples: response.as_ref().map_or(0, OrderStatistics::count),
        response_p50_ns: at(&response, 0.5),
        response_p90_ns: at(&response, 0.9),
        response_p99_ns: at(&response, 0.99),
        response_max_ns: response.and_then(|response| response.raw_quantile(1.0)),
        service_p99_ns: at(&ordered(Metric::Service), 0.99),
        lag_p99_ns: at(&ordered(Metric::Lag), 0.99),
    }
}
