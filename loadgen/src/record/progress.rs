//! Progress of a run.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tenfold_run_dir::{BUCKET_BOUNDS_NS, Metric};
use tenfold_scenarios::Kind;

use crate::failure::Failure;
use crate::record::progress_detail::ProgressDetail;

/// The fewest samples beyond a percentile before it is reported.
const SAMPLES_BEYOND: f64 = 10.0;

/// Progress of a run, reported once a second.
///
/// Rates and percentiles cover the last second; everything else covers the time since the start, including
/// warm-up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// Length of all phases.
    pub total: Duration,
    /// Index of the current phase.
    pub phase: usize,
    /// Arrivals due since the last report, per second.
    pub offered_per_s: f64,
    /// Requests completed since the last report, per second.
    pub achieved_per_s: f64,
    /// Response times.
    pub response: Percentiles,
    /// Service times.
    pub service: Percentiles,
    /// The generator's lag.
    pub lag: Percentiles,
    /// Arrivals due.
    pub planned: u64,
    /// Requests that a user began to send, including those that reached no connection.
    pub sent: u64,
    /// Requests completed.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Requests failed, by class. Only classes that occurred.
    pub failures: Vec<(Failure, u64)>,
    /// Arrivals dropped.
    pub dropped: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Arrivals waiting for an idle user.
    pub waiting: u64,
    /// Generators of several that have ended before the run.
    pub lost_generators: u32,
    /// All latencies, by metric and by kind of request.
    pub latencies: Vec<LatencyTotal>,
    /// Source of the merged progress of several generators. `None` for the whole run.
    pub detail: Option<Box<ProgressDetail>>,
}

/// Percentiles of latencies, in nanoseconds. Each is `None` if fewer than ten samples lie beyond it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The number of samples.
    pub count: u64,
    /// The median.
    pub p50: Option<u64>,
    /// The 90th percentile.
    pub p90: Option<u64>,
    /// The 99th percentile.
    pub p99: Option<u64>,
    /// The maximum. `None` without samples.
    pub max: Option<u64>,
}

impl Percentiles {
    /// The percentiles of a histogram of nanoseconds.
    pub(crate) fn of(values: &Histogram<u64>) -> Self {
        let at = |quantile: f64| {
            let beyond = values.len() as f64 * (1.0 - quantile);
            // In floating point, 1 - 0.9 is slightly less than 0.1.
            (beyond + 1e-6 >= SAMPLES_BEYOND).then(|| values.value_at_quantile(quantile))
        };
        Self {
            count: values.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: (!values.is_empty()).then(|| values.max()),
        }
    }
}

/// Latencies of reads or of writes since the start, in buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyTotal {
    /// The kind of latency.
    pub metric: Metric,
    /// The kind of requests.
    pub kind: Kind,
    /// The number of samples in each bucket of [`BUCKET_BOUNDS_NS`], not cumulative. The last bucket has
    /// those above all bounds.
    pub buckets: [u64; BUCKET_BOUNDS_NS.len() + 1],
    /// The sum of all samples, in nanoseconds.
    #[serde(with = "decimal")]
    pub sum_ns: u128,
}

impl LatencyTotal {
    /// Creates a total without samples.
    pub(crate) fn new(metric: Metric, kind: Kind) -> Self {
        Self {
            metric,
            kind,
            buckets: [0; BUCKET_BOUNDS_NS.len() + 1],
            sum_ns: 0,
        }
    }

    /// Adds `count` samples of one value.
    pub(crate) fn add(&mut self, value_ns: u64, count: u64) {
        let bucket = BUCKET_BOUNDS_NS.partition_point(|bound| *bound < value_ns);
        self.buckets[bucket] += count;
        self.sum_ns += u128::from(value_ns) * u128::from(count);
    }

    /// The number of samples.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A large number as text: JSON parsers round numbers beyond 64 bits.
pub(super) mod decimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::record) fn serialize<S: Serializer>(
        number: &u128,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(in crate::record) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::latency_histogram;

    use super::*;

    #[test]
    fn percentile_needs_ten_samples_beyond() {
        let mut values = latency_histogram();
        values.record_n(1_000, 100).unwrap();
        let percentiles = Percentiles::of(&values);
        assert!(percentiles.p50.is_some() && percentiles.p90.is_some());
        assert_eq!((percentiles.p99, percentiles.count), (None, 100));
        assert_eq!(
            Percentiles::of(&latency_histogram()),
            Percentiles::default()
        );
    }

    #[test]
    fn bucket_includes_its_bound() {
        let mut total = LatencyTotal::new(Metric::Response, Kind::Read);
        total.add(100_000, 2);
        total.add(100_001, 3);
        total.add(u64::MAX, 1);
        assert_eq!((total.buckets[0], total.buckets[1]), (2, 3));
        assert_eq!((total.buckets.last(), total.count()), (Some(&1), 6));
    }
}
