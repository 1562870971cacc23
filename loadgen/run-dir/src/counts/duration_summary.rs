//! How many durations there were, their percentiles and the longest.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// How a duration was spread, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationSummary {
    /// How many there were.
    pub count: u64,
    /// The median; 0 where there was none, or where several runs were merged.
    pub p50: u64,
    /// The 99th percentile of what there was; 0 likewise.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl DurationSummary {
    /// How the durations of a histogram of nanoseconds are spread.
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

    /// Adds another. Percentiles of the two together can't be told from those of each.
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
