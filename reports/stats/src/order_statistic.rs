//! Sample quantiles with distribution-free confidence intervals.

use hdrhistogram::Histogram;

use crate::normal::upper_quantile;

/// Minimum number of samples beyond a percentile for it to be reported.
pub const SAMPLES_BEYOND: u64 = 10;

/// Confidence of all intervals.
pub const CONFIDENCE: f64 = 0.95;

/// A quantile of a sample with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// The sample quantile.
    pub value: u64,
    /// Ends of the interval. `None` if the sample is too small.
    pub interval: Option<[u64; 2]>,
    /// Number of samples.
    pub count: u64,
}

/// The sorted values of a histogram, each with the number of samples at or below it.
#[derive(Debug, Clone)]
pub struct OrderStatistics {
    steps: Vec<(u64, u64)>,
    count: u64,
}

impl OrderStatistics {
    /// Reads the samples of a histogram, at the resolution of the histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let mut count = 0_u64;
        let steps = histogram
            .iter_recorded()
            .map(|step| {
                count = count.saturating_add(step.count_since_last_iteration());
                (step.value_iterated_to(), count)
            })
            .collect();
        Self { steps, count }
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sample of a rank, from 1. `None` beyond the last sample.
    pub fn at_rank(&self, rank: u64) -> Option<u64> {
        if rank == 0 {
            return None;
        }
        let step = self.steps.partition_point(|(_, up_to)| *up_to < rank);
        self.steps.get(step).map(|(value, _)| *value)
    }

    /// Returns the sample quantile for any sample size. `None` if the sample is empty.
    ///
    /// For decisions that must be made on any sample. Use [`OrderStatistics::quantile`] for a percentile
    /// that is shown.
    pub fn raw_quantile(&self, quantile: f64) -> Option<u64> {
        self.at_rank(rank(self.count, quantile))
    }

    /// Returns the sample quantile with its interval. `None` if fewer than [`SAMPLES_BEYOND`] samples lie
    /// beyond the quantile.
    pub fn quantile(&self, quantile: f64) -> Option<Estimate> {
        if samples_beyond(self.count, quantile) < SAMPLES_BEYOND {
            return None;
        }
        let interval = interval_ranks(self.count, quantile, CONFIDENCE)
            .and_then(|(low, high)| Some([self.at_rank(low)?, self.at_rank(high)?]));
        Some(Estimate {
            value: self.raw_quantile(quantile)?,
            interval,
            count: self.count,
        })
    }
}

/// Returns the rank of a quantile in a sample: the smallest rank with at least a share of `quantile` of the
/// samples at or below it. 0 for an empty sample.
pub fn rank(count: u64, quantile: f64) -> u64 {
    let exact = quantile * count as f64;
    let nearest = exact.round();
    // 0.999 times 1000 must not become 1000 by a rounding error.
    let rank = if (exact - nearest).abs() < 1e-9 * count as f64 {
        nearest
    } else {
        exact.ceil()
    };
    (rank as u64).clamp(1, count.max(1)).min(count)
}

/// Returns the number of samples beyond a quantile.
pub fn samples_beyond(count: u64, quantile: f64) -> u64 {
    count - rank(count, quantile)
}

/// Returns the ranks of the order statistics that enclose a quantile of the population with at least
/// the given confidence. `None` if the sample is too small or the quantile is not between 0 and 1.
///
/// The number `B` of samples at or below the quantile is binomial. For any distribution, the interval from
/// the l-th to the u-th order statistic therefore encloses the quantile with probability `P(l <= B < u)`
/// (David and Nagaraja, Order Statistics, 3rd edition, section 7.1; Conover, Practical Nonparametric
/// Statistics, section 3.2). Each tail is at most `(1 - confidence) / 2`. Assumes independent samples:
/// consecutive latencies are correlated, so the true interval is somewhat wider.
pub fn interval_ranks(count: u64, quantile: f64, confidence: f64) -> Option<(u64, u64)> {
    if count == 0 || !(quantile > 0.0 && quantile < 1.0) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    if count > EXACT_MAX {
        return Some(normal_ranks(count, quantile, tail));
    }
    let weights = BinomialWeights::new(count, quantile);
    let (low, high) = (weights.low(tail), weights.high(tail));
    (low >= 1 && high <= count).then_some((low, high))
}

/// Maximum sample size for which the binomial distribution is summed. At this size, the sum takes 8 bytes
/// for each of some millions of weights.
const EXACT_MAX: u64 = 100_000_000_000;

/// Computes the ranks by the normal approximation, which is off by a few ranks among many millions.
fn normal_ranks(count: u64, quantile: f64, tail: f64) -> (u64, u64) {
    let middle = count as f64 * quantile;
    let half = upper_quantile(tail) * (middle * (1.0 - quantile)).sqrt();
    let low = (middle - half).floor() as u64;
    let high = (middle + half).ceil() as u64;
    (low.clamp(1, count), high.saturating_add(1).clamp(1, count))
}

/// Probabilities of a binomial distribution around its mode, without the negligible ones.
///
/// Each follows from its neighbour by the ratio of the binomial coefficients, and all are scaled by
/// their sum: exact to rounding, without factorials. Takes time in the square root of the count.
struct BinomialWeights {
    first: u64,
    weights: Vec<f64>,
    sum: f64,
}

impl BinomialWeights {
    /// Smallest weight to keep, relative to the weight of the mode.
    const NEGLIGIBLE: f64 = 1e-18;

    fn new(count: u64, share: f64) -> Self {
        let odds = share / (1.0 - share);
        let mode = (((count as f64) + 1.0) * share).floor().min(count as f64) as u64;
        let mut below = Vec::new();
        let (mut k, mut weight) = (mode, 1.0);
        while k > 0 && weight > Self::NEGLIGIBLE {
            weight *= k as f64 / ((count - k + 1) as f64 * odds);
            k -= 1;
            below.push(weight);
        }
        let first = k;
        below.reverse();
        let mut weights = below;
        weights.push(1.0);
        let (mut k, mut weight) = (mode, 1.0);
        while k < count && weight > Self::NEGLIGIBLE {
            weight *= (count - k) as f64 * odds / (k + 1) as f64;
            k += 1;
            weights.push(weight);
        }
        let sum = weights.iter().sum();
        Self {
            first,
            weights,
            sum,
        }
    }

    /// Returns the largest `l` with `P(B < l) <= tail`.
    fn low(&self, tail: f64) -> u64 {
        let mut before = 0.0;
        let mut low = self.first;
        for weight in &self.weights {
            before += weight / self.sum;
            if before > tail {
                break;
            }
            low += 1;
        }
        low
    }

    /// Returns the smallest `u` with `P(B >= u) <= tail`.
    fn high(&self, tail: f64) -> u64 {
        let mut beyond = 0.0;
        let mut high = self.first + self.weights.len() as u64;
        for weight in self.weights.iter().rev() {
            beyond += weight / self.sum;
            if beyond > tail {
                break;
            }
            high -= 1;
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(values: impl IntoIterator<Item = u64>) -> OrderStatistics {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in values {
            histogram.record(value).unwrap();
        }
        OrderStatistics::of(&histogram)
    }

    #[test]
    fn median_intervals_match_published_table() {
        // Nair, Table of confidence intervals for the median, Sankhya 4 (1940): the k-th value from
        // either end, for a confidence of at least 95%.
        for (count, k) in [
            (6, 1),
            (10, 2),
            (15, 4),
            (20, 6),
            (25, 8),
            (30, 10),
            (50, 18),
            (75, 29),
        ] {
            assert_eq!(
                interval_ranks(count, 0.5, 0.95),
                Some((k, count + 1 - k)),
                "n = {count}"
            );
        }
        assert_eq!(interval_ranks(100, 0.5, 0.95), Some((40, 61)));
    }

    #[test]
    fn five_samples_have_no_median_interval() {
        assert_eq!(interval_ranks(5, 0.5, 0.95), None);
    }

    #[test]
    fn tail_may_equal_the_probability_beyond() {
        // Two tosses of a coin: P(B < 1) = P(B >= 2) = 1 / 4, the tail of a confidence of one half.
        assert_eq!(interval_ranks(2, 0.5, 0.5), Some((1, 2)));
    }

    #[test]
    fn interval_needs_both_ends_in_the_sample() {
        // All 20 samples lie below the 90th percentile with probability 0.9^20 = 12%.
        assert_eq!(interval_ranks(20, 0.9, 0.95), None);
        assert_eq!(interval_ranks(20, 0.1, 0.95), None);
        for quantile in [0.0, 1.0, -0.5, 1.5, f64::NAN] {
            assert_eq!(interval_ranks(1000, quantile, 0.95), None, "{quantile}");
        }
        assert_eq!(interval_ranks(0, 0.5, 0.95), None);
    }

    #[test]
    fn smallest_rank_covers_share() {
        assert_eq!(rank(10, 0.91), 10);
        assert_eq!(rank(10, 0.9), 9);
        assert_eq!(rank(3, 0.4), 2);
        assert_eq!((rank(0, 0.5), rank(5, 0.0), rank(5, 1.0)), (0, 1, 5));
        // 0.81 times 10,000 is a little more than 8,100 in floating point.
        assert_eq!(rank(10_000, 0.81), 8_100);
    }

    #[test]
    fn binomial_weights_match_closed_form() {
        // P(B = k) for n = 4, p = 0.5: 1, 4, 6, 4, 1 sixteenths.
        let weights = BinomialWeights::new(4, 0.5);
        let shares: Vec<f64> = weights
            .weights
            .iter()
            .map(|w| w / weights.sum * 16.0)
            .collect();
        for (share, exact) in shares.iter().zip([1.0, 4.0, 6.0, 4.0, 1.0]) {
            assert!((share - exact).abs() < 1e-12);
        }
    }

    #[test]
    fn large_samples_match_normal_interval() {
        // n q +- 1.96 sqrt(n q (1 - q)) = 990,000 +- 195.
        let (low, high) = interval_ranks(1_000_000, 0.99, 0.95).unwrap();
        assert!(
            low.abs_diff(989_805) <= 2 && high.abs_diff(990_196) <= 2,
            "{low} {high}"
        );
    }

    #[test]
    fn exact_and_normal_ranks_agree() {
        for quantile in [0.5, 0.99, 0.999] {
            let (low, high) = interval_ranks(100_000_000, quantile, 0.95).unwrap();
            let (near_low, near_high) = normal_ranks(100_000_000, quantile, 0.025);
            assert!(low.abs_diff(near_low) <= 3, "{quantile}: {low} {near_low}");
            assert!(
                high.abs_diff(near_high) <= 3,
                "{quantile}: {high} {near_high}"
            );
        }
        let (low, high) = interval_ranks(u64::MAX, 0.5, 0.95).unwrap();
        assert!(low < high && low > u64::MAX / 2 - (1 << 34));
    }

    #[test]
    fn saturated_counts_do_not_panic() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in [1_000, 2_000] {
            histogram.record_n(value, 1 << 63).unwrap();
        }
        let ordered = OrderStatistics::of(&histogram);
        assert_eq!(ordered.count(), u64::MAX);
        for quantile in [0.5, 0.99, 1.0] {
            assert!(ordered.raw_quantile(quantile).is_some());
            ordered.quantile(quantile);
        }
    }

    #[test]
    fn quantiles_of_consecutive_integers() {
        let ordered = sample(1..=1000);
        assert_eq!(ordered.raw_quantile(0.5), Some(500));
        assert_eq!(ordered.raw_quantile(0.99), Some(990));
        assert_eq!(ordered.raw_quantile(0.999), Some(999));
        assert_eq!(ordered.raw_quantile(1.0), Some(1000));
        assert_eq!((ordered.at_rank(0), ordered.at_rank(1)), (None, Some(1)));
        assert_eq!(ordered.at_rank(1001), None);
    }

    #[test]
    fn percentile_needs_ten_samples_beyond() {
        assert_eq!(samples_beyond(1000, 0.99), 10);
        assert!(sample(1..=1000).quantile(0.99).is_some());
        assert!(sample(1..=999).quantile(0.99).is_none());
        assert!(sample(1..=10_000).quantile(0.999).is_some());
        assert!(sample(1..=9_999).quantile(0.999).is_none());
        assert!(sample([]).quantile(0.5).is_none());
    }

    proptest! {
        #[test]
        fn interval_encloses_sample_quantile(
            values in prop::collection::vec(1_u64..1_000_000_000, 20..2000),
            quantile in 0.05_f64..0.99,
        ) {
            let ordered = sample(values);
            if let Some(Estimate { value, interval: Some([low, high]), .. }) = ordered.quantile(quantile) {
                prop_assert!(low <= value && value <= high);
            }
        }

        #[test]
        fn quantiles_are_monotonic(values in prop::collection::vec(1_u64..u64::from(u32::MAX), 1..500)) {
            let ordered = sample(values);
            let quantiles: Vec<_> =
                (0..=20).map(|i| ordered.raw_quantile(f64::from(i) / 20.0)).collect();
            prop_assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
        }

        #[test]
        fn interval_attains_its_confidence(count in 20_u64..3000, quantile in 0.1_f64..0.9) {
            if let Some((low, high)) = interval_ranks(count, quantile, 0.95) {
                let weights = BinomialWeights::new(count, quantile);
                let covered: f64 = (low..high)
                    .filter_map(|k| weights.weights.get(k.checked_sub(weights.first)? as usize))
                    .sum::<f64>() / weights.sum;
                prop_assert!(covered >= 0.95 - 1e-9, "{covered}");
            }
        }
    }
}
