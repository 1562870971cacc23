//! A row of the interval log.

use super::Series;
use crate::SparseHistogram;

/// A row of the interval log: the latencies of one series in one interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalHistogram {
    /// Metric, phase and request.
    pub series: Series,
    /// Start, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Length, in nanoseconds.
    pub duration_ns: u64,
    /// Latencies of requests that were done in the interval, in nanoseconds.
    pub histogram: SparseHistogram,
}
