//! Histogram of durations with two atomic additions per record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in seconds as Prometheus writes them, and in microseconds.
pub(crate) const BOUNDS: [(&str, u64); 16] = [
    ("0.0001", 100),
    ("0.00025", 250),
    ("0.0005", 500),
    ("0.001", 1_000),
    ("0.0025", 2_500),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.025", 25_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.25", 250_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("2.5", 2_500_000),
    ("5", 5_000_000),
    ("10", 10_000_000),
];

/// Histogram of durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// Not cumulative. The last counts durations above the last bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

/// State of a histogram at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Number of durations at or below each bound, then of all.
    pub(crate) cumulative: [u64; BOUNDS.len() + 1],
    /// Sum, in nanoseconds.
    pub(crate) sum_ns: u64,
}

impl Histogram {
    /// Records a duration.
    pub(crate) fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(_, bound_us)| bound_us * 1_000 < ns);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Reads the counts.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut total = 0;
        let cumulative = self.buckets.each_ref().map(|count| {
            total += count.load(Ordering::Relaxed);
            total
        });
        Snapshot {
            cumulative,
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let histogram = Histogram::default();
        for us in [100, 101, 10_000_000, 10_000_001] {
            histogram.record(Duration::from_micros(us));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.cumulative[..3], [1, 2, 2]);
        assert_eq!(snapshot.cumulative[15..], [3, 4]);
        assert_eq!(snapshot.sum_ns, 20_000_202_000);
    }

    #[test]
    fn text_bounds_equal_microseconds() {
        for (text, us) in BOUNDS {
            let seconds: f64 = text.parse().unwrap();
            assert_eq!((seconds * 1e6).round() as u64, us);
        }
    }
}
