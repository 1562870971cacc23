//! Durations of a whole run: part of `counts.json`. Coarser than the interval log, and merged without loss.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::DurationSummary;

/// Longest duration that can be recorded: one hour, in nanoseconds. Longer ones count as this.
const DURATION_NS_MAX: u64 = 3_600_000_000_000;

/// Creates an empty histogram of durations, in nanoseconds and exact to 1%.
pub fn duration_histogram() -> Histogram<u64> {
    Histogram::new_with_max(DURATION_NS_MAX, 2)
        .expect("the bounds are constants that HdrHistogram accepts")
}

/// The durations of one kind in a whole run, exact to 1%.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations {
    /// Midpoints of histogram buckets in nanoseconds, ascending, with their counts.
    counts: Vec<(u64, u64)>,
}

impl Durations {
    /// Returns the contents of a histogram made by [`duration_histogram`].
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        Self {
            counts: recorded
                .map(|step| {
                    let middle = histogram.median_equivalent(step.value_iterated_to());
                    (middle, step.count_at_value())
                })
                .collect(),
        }
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter().map(|(_, count)| *count);
        counts.fold(0, u64::saturating_add)
    }

    /// Adds the durations of another run.
    pub fn add(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            match self.counts.binary_search_by_key(value, |(value, _)| *value) {
                Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(*count),
                Err(at) => self.counts.insert(at, (*value, *count)),
            }
        }
    }

    /// Summarises the durations.
    pub fn summary(&self) -> DurationSummary {
        let mut all = duration_histogram();
        self.add_to(&mut all);
        DurationSummary::of(&all)
    }

    /// Adds the durations to a histogram, which may have another shape.
    pub fn add_to(&self, histogram: &mut Histogram<u64>) {
        for (value, count) in &self.counts {
            histogram.saturating_record_n(*value, *count);
        }
    }
}

/// The durations of a run that the interval log does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDurations {
    /// Opening a connection until it is ready for a request, warm-up included.
    #[serde(default)]
    pub opening: Durations,
    /// The TCP handshake, or the connection to a socket's path, warm-up included.
    #[serde(default)]
    pub connecting: Durations,
    /// TLS handshakes, warm-up included.
    #[serde(default)]
    pub handshake: Durations,
    /// From the first byte of an expected response to its last, in counted phases.
    #[serde(default)]
    pub receiving: Durations,
    /// Completed journeys that started in a counted phase, from the intended time of the first step to the end of the
    /// last.
    #[serde(default)]
    pub journeys: Durations,
}

impl RunDurations {
    /// Returns the durations of both runs.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// Adds the durations of another run.
    pub fn add(&mut self, other: &Self) {
        self.opening.add(&other.opening);
        self.connecting.add(&other.connecting);
        self.handshake.add(&other.handshake);
        self.receiving.add(&other.receiving);
        self.journeys.add(&other.journeys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Durations {
        let mut histogram = duration_histogram();
        for value in values {
            histogram.saturating_record(*value);
        }
        Durations::of(&histogram)
    }

    #[test]
    fn merged_runs_equal_one_run() {
        let mut sum = of(&[0, 5, 1_000_000, u64::MAX]);
        sum.add(&of(&[5, 7, 2_000_000]));
        assert_eq!(sum, of(&[0, 5, 5, 7, 1_000_000, 2_000_000, u64::MAX]));
        assert_eq!(sum.count(), 7);
        let mut all = crate::histogram::latency_histogram::<u64>();
        sum.add_to(&mut all);
        assert_eq!((all.len(), all.min()), (7, 0));
        assert!(all.value_at_quantile(0.7).abs_diff(1_000_000) < 10_000);
    }

    #[test]
    fn rounding_has_no_bias() {
        // Spaced evenly over a whole bucket width, so that rounding up and down cancel out.
        let values = (0..4_096_u64).map(|step| 1_000_000 + step * 256);
        let exact = values.clone().sum::<u64>() as f64 / 4_096.0;
        let mut all = crate::histogram::latency_histogram::<u64>();
        of(&values.collect::<Vec<_>>()).add_to(&mut all);
        assert!((all.mean() / exact - 1.0).abs() < 0.001, "{}", all.mean());
        for value in [1_000_000, 1_234_567, 98_765_432] {
            let mut one = crate::histogram::latency_histogram::<u64>();
            of(&[value]).add_to(&mut one);
            assert!(
                one.max().abs_diff(value) * 200 < value,
                "{value} {}",
                one.max()
            );
        }
    }

    #[test]
    fn survives_json() {
        let durations = of(&[3, 3, 1_000_000]);
        let text = serde_json::to_string(&durations).unwrap();
        assert!(text.starts_with("[[3,2],["), "{text}");
        assert_eq!(serde_json::from_str::<Durations>(&text).unwrap(), durations);
    }
}
