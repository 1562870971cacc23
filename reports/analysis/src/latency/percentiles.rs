//! Summary figures of a latency distribution.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use tenfold_stats::{Estimate, OrderStatistics};

/// Summary figures of a latency distribution, in nanoseconds.
///
/// A percentile with fewer than ten samples beyond it is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Number of samples.
    pub count: u64,
    /// The minimum.
    pub min: Option<u64>,
    /// The arithmetic mean.
    pub mean: Option<u64>,
    /// The median.
    pub p50: Option<u64>,
    /// The 90th percentile.
    pub p90: Option<u64>,
    /// The 95th percentile.
    pub p95: Option<u64>,
    /// The 99th percentile.
    pub p99: Option<u64>,
    /// The 99.9th percentile.
    pub p999: Option<u64>,
    /// The maximum.
    pub max: Option<u64>,
    /// 95% confidence intervals of the percentiles; see [`interval_ranks`](tenfold_stats::interval_ranks).
    pub interval_95: PercentileIntervals,
}

/// Confidence intervals of the percentiles of a [`Latency`], in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PercentileIntervals {
    /// Of the median.
    pub p50: Option<[u64; 2]>,
    /// Of the 90th percentile.
    pub p90: Option<[u64; 2]>,
    /// Of the 95th percentile.
    pub p95: Option<[u64; 2]>,
    /// Of the 99th percentile.
    pub p99: Option<[u64; 2]>,
    /// Of the 99.9th percentile.
    pub p999: Option<[u64; 2]>,
}

impl Latency {
    /// Returns whether it has no samples.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Summarises a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let ordered = OrderStatistics::of(histogram);
        let some = ordered.count() > 0;
        let [p50, p90, p95, p99, p999] =
            [0.5, 0.9, 0.95, 0.99, 0.999].map(|quantile| ordered.quantile(quantile));
        let value = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.value);
        let interval = |estimate: Option<Estimate>| estimate.and_then(|estimate| estimate.interval);
        Self {
            count: ordered.count(),
            min: some.then(|| histogram.min()),
            mean: some.then(|| histogram.mean().round() as u64),
            p50: value(p50),
            p90: value(p90),
            p95: value(p95),
            p99: value(p99),
            p999: value(p999),
            max: some.then(|| histogram.max()),
            interval_95: PercentileIntervals {
                p50: interval(p50),
                p90: interval(p90),
                p95: interval(p95),
                p99: interval(p99),
                p999: interval(p999),
            },
        }
    }
}

/// The latencies of one group of requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// `done - intended`: the response time as a user experiences it.
    pub response: Latency,
    /// `done - sent`: the time that the service takes.
    pub service: Latency,
    /// `first byte - sent`.
    pub first_byte: Latency,
    /// `sent - intended - blocked`: the generator's own delay.
    pub lag: Latency,
    /// Wait for an idle user, of the arrivals that waited.
    pub blocked: Latency,
    /// `done - intended - lag`: the response time without the generator's own delay. Empty for a run of an
    /// older version.
    #[serde(default)]
    pub response_without_lag: Latency,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_histogram_has_no_figures() {
        let latency = Latency::of(&tenfold_run_dir::latency_histogram());
        assert_eq!(latency, Latency::default());
    }

    #[test]
    fn small_samples_have_no_high_percentiles() {
        let mut histogram = tenfold_run_dir::latency_histogram();
        for value in 1..=500_u64 {
            histogram.record(value).unwrap();
        }
        let latency = Latency::of(&histogram);
        assert_eq!(
            (latency.count, latency.min, latency.max),
            (500, Some(1), Some(500))
        );
        assert_eq!((latency.p50, latency.p95), (Some(250), Some(475)));
        assert_eq!((latency.p99, latency.p999), (None, None));
        assert_eq!(latency.interval_95.p99, None);
        // 250 +- 1.96 sqrt(125), rounded outwards.
        assert_eq!(latency.interval_95.p50, Some([228, 273]));
    }
}
