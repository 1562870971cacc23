//! Load and backlog of a run, second by second.

use std::collections::BTreeMap;

use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{HistogramSum, Metric, Run};

use crate::summary::window::Window;

/// Load and backlog of one row of the time line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoadSecond {
    /// Start, in nanoseconds since the start of the run.
    pub(super) start_ns: u64,
    /// End, in nanoseconds since the start of the run.
    pub(super) end_ns: u64,
    /// True if it lies within the counted phases.
    pub(super) counted: bool,
    /// Arrivals planned.
    pub(super) planned: u64,
    /// Answers, wrong ones included. A timeout is none.
    pub(super) answered: u64,
    /// Arrivals dropped.
    pub(super) dropped: u64,
    /// Arrivals that wait for an idle user at the end.
    pub(super) waiting: u64,
    /// Requests in flight or waiting at the end.
    pub(super) pending: u64,
    /// Mean service time of the requests answered, in seconds. Over a longer time in a run of more than two
    /// minutes. `None` if none was answered.
    pub(super) service_s: Option<f64>,
}

impl LoadSecond {
    /// Duration, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        (self.end_ns - self.start_ns) as f64 / 1e9
    }

    /// Planned arrivals per second.
    pub(super) fn offered(&self) -> f64 {
        self.planned as f64 / self.seconds()
    }

    /// Answers per second.
    pub(super) fn achieved(&self) -> f64 {
        self.answered as f64 / self.seconds()
    }

    /// Returns whether everything that arrived was answered, within three standard deviations of a Poisson
    /// count.
    pub(super) fn is_balanced(&self) -> bool {
        let difference = self.planned as f64 - self.answered as f64;
        self.dropped == 0
            && self.waiting == 0
            && self.service_s.is_some()
            && difference.abs() <= 3.0 * (self.planned as f64).sqrt() + 1.0
    }
}

/// Returns the rows of a run, warm-up and the time after the last phase included.
pub(super) fn load_seconds(run: &Run, window: &Window) -> Vec<LoadSecond> {
    let counted: Vec<u64> = window.rows(run).map(|row| row.start_ns).collect();
    let columns = run.latencies.columns();
    let service: BTreeMap<u64, f64> = columns
        .of(Metric::Service)
        .filter_map(|(column, sum)| Some((column, mean_s(sum)?)))
        .collect();
    let rows = run.timeline.rows.iter().filter(|row| row.duration_ns > 0);
    rows.map(|row| LoadSecond {
        start_ns: row.start_ns,
        end_ns: row.end_ns(),
        counted: counted.binary_search(&row.start_ns).is_ok(),
        planned: row.planned,
        answered: row.reads + row.writes + row.failed.saturating_sub(timeouts(row)),
        dropped: row.dropped,
        waiting: row.waiting,
        pending: row.in_flight + row.waiting,
        // An interval belongs to the column that it starts in.
        service_s: service.get(&(row.start_ns / columns.column_ns())).copied(),
    })
    .collect()
}

fn timeouts(row: &Row) -> u64 {
    let failures = row.failures.iter().filter(|own| own.class == "timeout");
    failures.map(|own| own.count).sum()
}

/// Returns the mean of a histogram of nanoseconds, in seconds. `None` if it is empty.
fn mean_s(sum: &HistogramSum) -> Option<f64> {
    let total: f64 = sum
        .iter()
        .map(|(value, count)| value as f64 * count as f64)
        .sum();
    (!sum.is_empty()).then(|| total / sum.len() as f64 / 1e9)
}
