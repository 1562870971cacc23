//! Count, percentiles and maximum of a duration.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Count, percentiles and maximum of a duration, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationSummary {
    /// Number of durations.
    pub count: u64,
    /// Median. 0 if there is no duration, or if runs were merged.
    pub p50: u64,
    /// 99th percentile. 0 in the same cases.
    pub p99: u64,
    /// Longest duration.
    pub max: u64,
}

impl DurationSummary {
    /// Summarises a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            max: histogram.max(),
        }
    }

    /// Combines two summaries. Sets the percentiles to 0 unless one is empty, because percentiles can't be merged.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        match (self.count, other.count) {
            (_, 0) => self,
            (0, _) => other,
            (one, two) => Self {
                count: one + two,
                p50: 0,
                p99: 0,
                max: self.max.max(other.max),
            },
        }
    }
}
