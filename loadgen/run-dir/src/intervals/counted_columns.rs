//! Response times of the counted phases over time, by request.

use super::time_columns::TimeColumns;
use super::{IntervalHistogram, Metric};
use crate::manifest::PhaseInfo;
use crate::{HistogramSum, Timeline};

/// Requests with columns of their own: the first of the scenario. All others share one set.
const REQUESTS_MAX: usize = 32;

/// Response times of the counted phases, in columns as long as those of [`Columns`](super::Columns).
///
/// The first 32 requests of the scenario have columns of their own; all others share one set, so that memory stays bounded.
#[derive(Debug, Clone)]
pub struct CountedColumns {
    /// Whether each phase is counted.
    counted: Vec<bool>,
    /// By request. [`REQUESTS_MAX`] stands for all others.
    sums: TimeColumns<usize>,
}

impl CountedColumns {
    /// Creates empty columns for a run without phases.
    pub(super) fn over(timeline: &Timeline) -> Self {
        Self::of_phases(&[], timeline)
    }

    /// Creates empty columns for a run with these phases.
    pub(super) fn of_phases(phases: &[PhaseInfo], timeline: &Timeline) -> Self {
        Self {
            counted: phases.iter().map(|phase| !phase.warm_up).collect(),
            sums: TimeColumns::over(timeline),
        }
    }

    /// Adds an interval. Ignores other metrics, and warm-up.
    pub(super) fn add(&mut self, interval: &IntervalHistogram) {
        let series = interval.series;
        let counted = self.counted.get(series.phase) == Some(&true);
        if counted && series.metric == Metric::Response {
            let request = series.request.min(REQUESTS_MAX);
            self.sums
                .add(request, interval.start_ns, &interval.histogram);
        }
    }

    /// Length of a column, in nanoseconds.
    pub fn column_ns(&self) -> u64 {
        self.sums.column_ns()
    }

    /// Columns of a request that are not empty, with their index from 0, in order of time. None for a request beyond the
    /// first 32.
    pub fn of_request(&self, request: usize) -> impl Iterator<Item = (u64, &HistogramSum)> {
        let own = (request < REQUESTS_MAX).then(|| self.sums.of(request));
        own.into_iter().flatten()
    }

    /// All columns that are not empty, with their index. Each request adds its own columns.
    pub fn all(&self) -> impl Iterator<Item = (u64, &HistogramSum)> {
        self.sums.all().map(|(_, column, sum)| (column, sum))
    }

    /// Bytes of the packed values.
    pub(super) fn packed_bytes(&self) -> usize {
        self.sums.packed_bytes()
    }
}
