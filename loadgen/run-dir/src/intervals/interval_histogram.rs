//! One interval of one series.

use super::Series;
use crate::SparseHistogram;

/// One interval of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalHistogram {
    /// Which latency it holds.
    pub series: Series,
    /// When the interval begins.
    pub start_ns: u64,
    /// How long it lasts.
    pub duration_ns: u64,
    /// The latencies of requests that were done in it, in nanoseconds.
    pub histogram: SparseHistogram,
}
