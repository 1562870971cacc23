//! Durations of a whole run, as a part of `counts.json`: coarser than the interval log, and exact to
//! merge.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::DurationSummary;

/// The longest duration that is told apart: what takes longer counts as this.
const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Makes an empty histogram of the shape that durations are counted in: nanoseconds, to 1%.
pub fn duration_histogram() -> Histogram<u64> {
    Histogram::new_with_max(HIGHEST_NS, 2)
        .expect("the bounds are constants that HdrHistogram takes")
}

/// How long something took in a whole run, to 1%.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations {
    /// Durations in nanoseconds, ascending, each the middle of what can't be told from it, and how
    /// often there was each.
    counts: Vec<(u64, u64)>,
}

impl Durations {
    /// What a histogram made by [`duration_histogram`] holds.
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

    /// How many there were.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter().map(|(_, count)| *count);
        counts.fold(0, u64::saturating_add)
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            match self.counts.binary_search_by_key(value, |(value, _)| *value) {
                Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(*count),
                Err(at) => self.counts.insert(at, (*value, *count)),
            }
        }
    }

    /// How they are spread.
    pub fn summary(&self) -> DurationSummary {
        let mut all = duration_histogram();
        self.add_to(&mut all);
        DurationSummary::of(&all)
    }

    /// Adds them to a histogram, which may be of another shape.
    pub fn add_to(&self, histogram: &mut Histogram<u64>) {
        for (value, count) in &self.counts {
            histogram.saturating_record_n(*value, *count);
        }
    }
}

/// What took how long in a run, beside what the interval log tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDurations {
    /// Opening connections until they could carry a request, warm-up included.
    #[serde(default)]
    pub opening: Durations,
    /// Connecting alone, by TCP or to a path, warm-up included.
    #[serde(default)]
    pub connecting: Durations,
    /// TLS handshakes, warm-up included.
    #[serde(default)]
    pub handshake: Durations,
    /// From the first byte of an answer to its last, for answers as expected in the phases that count.
    #[serde(default)]
    pub receiving: Durations,
    /// Journeys that were begun in a phase that counts and came to their last step, from the intended
    /// time of the first to the end of the last.
    #[serde(default)]
    pub journeys: Durations,
}

impl RunDurations {
    /// These and those of another run together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// Adds those of another run.
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
    fn two_runs_together_are_as_though_they_had_been_one() {
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
    fn they_are_not_rounded_to_one_side() {
        // As many durations over a whole power of two: what is rounded up and down evens out.
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
    fn they_read_back() {
        let durations = of(&[3, 3, 1_000_000]);
        let text = serde_json::to_string(&durations).unwrap();
        assert!(text.starts_with("[[3,2],["), "{text}");
        assert_eq!(serde_json::from_str::<Durations>(&text).unwrap(), durations);
    }
}
