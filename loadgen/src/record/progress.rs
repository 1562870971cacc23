//! How a run stands, for somebody who watches.

use std::time::Duration;

use hdrhistogram::Histogram;
use tenfold_run_dir::{BUCKET_BOUNDS_NS, Metric};
use tenfold_scenarios::Kind;

use crate::failure::Failure;

/// The samples that must lie beyond a percentile for it to be told.
const SAMPLES_BEYOND: f64 = 10.0;

/// How a run stands, told once a second.
///
/// Percentiles are of the last second, all else but the rates is since the start, warm-up included.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// Length of all phases.
    pub total: Duration,
    /// Index of the phase that is under way.
    pub phase: usize,
    /// Arrivals due since the last time, per second.
    pub offered_per_s: f64,
    /// Requests completed since the last time, per second.
    pub achieved_per_s: f64,
    /// Response times.
    pub response: Percentiles,
    /// Service times.
    pub service: Percentiles,
    /// The generator's lag.
    pub lag: Percentiles,
    /// Arrivals due.
    pub planned: u64,
    /// Requests that a user took up to send, those that reached no connection included.
    pub sent: u64,
    /// Requests completed.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Requests failed by class, the classes that there were.
    pub failures: Vec<(Failure, u64)>,
    /// Arrivals dropped.
    pub dropped: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Arrivals waiting for an idle user.
    pub waiting: u64,
    /// All latencies, by metric and by kind of request.
    pub latencies: Vec<LatencyTotal>,
}

/// Percentiles of some latencies, in nanoseconds; none where fewer than ten samples lie beyond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// How many samples there are.
    pub count: u64,
    /// The median.
    pub p50: Option<u64>,
    /// The 90th percentile.
    pub p90: Option<u64>,
    /// The 99th percentile.
    pub p99: Option<u64>,
    /// The highest, which any sample is.
    pub max: Option<u64>,
}

impl Percentiles {
    /// The percentiles of a histogram of nanoseconds.
    pub(crate) fn of(values: &Histogram<u64>) -> Self {
        let at = |quantile: f64| {
            let beyond = values.len() as f64 * (1.0 - quantile);
            // 1 - 0.9 is a little less than a tenth.
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

/// The latencies of reads or of writes since the start, in buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyTotal {
    /// What was measured.
    pub metric: Metric,
    /// Of which requests.
    pub kind: Kind,
    /// How many are in each bucket of [`BUCKET_BOUNDS_NS`] alone; the last has those above all bounds.
    pub buckets: [u64; BUCKET_BOUNDS_NS.len() + 1],
    /// Their sum, in nanoseconds.
    pub sum_ns: u128,
}

impl LatencyTotal {
    /// Nothing yet.
    pub(crate) fn new(metric: Metric, kind: Kind) -> Self {
        Self {
            metric,
            kind,
            buckets: [0; BUCKET_BOUNDS_NS.len() + 1],
            sum_ns: 0,
        }
    }

    /// Adds so many samples of one value.
    pub(crate) fn add(&mut self, value_ns: u64, count: u64) {
        let bucket = BUCKET_BOUNDS_NS.partition_point(|bound| *bound < value_ns);
        self.buckets[bucket] += count;
        self.sum_ns += u128::from(value_ns) * u128::from(count);
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::latency_histogram;

    use super::*;

    #[test]
    fn a_percentile_needs_ten_samples_beyond() {
        let mut values = latency_histogram();
        values.record_n(1_000, 100).unwrap();
        let told = Percentiles::of(&values);
        assert!(told.p50.is_some() && told.p90.is_some());
        assert_eq!((told.p99, told.count), (None, 100));
        assert_eq!(
            Percentiles::of(&latency_histogram()),
            Percentiles::default()
        );
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut total = LatencyTotal::new(Metric::Response, Kind::Read);
        total.add(100_000, 2);
        total.add(100_001, 3);
        total.add(u64::MAX, 1);
        assert_eq!((total.buckets[0], total.buckets[1]), (2, 3));
        assert_eq!((total.buckets.last(), total.count()), (Some(&1), 6));
    }
}
