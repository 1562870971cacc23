//! Hodges-Lehmann estimate of location, with the interval of Tukey.

use serde::{Deserialize, Serialize};

use crate::median::median_of_sorted;
use crate::signed_rank::SignedRank;

/// An interval with the confidence that it attains.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability that the interval encloses the true value. Each end misses it with half of the
    /// remaining probability.
    pub confidence: f64,
}

/// The estimated location of a sample, in the unit of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HodgesLehmann {
    /// Median of the Walsh averages.
    pub value: f64,
    /// Interval of the estimate. `None` if the sample is too small.
    pub interval: Option<Interval>,
    /// Number of differences in the sample.
    pub count: usize,
}

/// The Walsh averages: the sorted averages of all pairs of a sample, including each value with itself.
///
/// Their median is the estimate of Hodges and Lehmann (Estimates of location based on rank tests,
/// Annals of Mathematical Statistics 34, 1963). The number of averages above zero is Wilcoxon's
/// signed-rank statistic (Tukey, 1949; Hollander and Wolfe, section 3.3). Estimate, interval and test
/// therefore never contradict one another. Assumes independent differences, each from a distribution
/// symmetric about the same centre; the distributions may differ otherwise.
#[derive(Debug, Clone)]
pub struct WalshAverages {
    sorted: Vec<f64>,
    law: SignedRank,
}

impl WalshAverages {
    /// Averages the pairs of a sample of finite differences. `None` if the sample is empty.
    pub fn of(differences: &[f64]) -> Option<Self> {
        if differences.is_empty() {
            return None;
        }
        let mut sorted: Vec<f64> = differences
            .iter()
            .enumerate()
            .flat_map(|(index, one)| {
                differences[index..]
                    .iter()
                    .map(move |other| 0.5 * (one + other))
            })
            .collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            sorted,
            law: SignedRank::new(differences.len()),
        })
    }

    /// Returns the estimate with an interval whose ends each miss the true value with a probability of at
    /// most `tail`: the k-th smallest and the k-th greatest average (Hollander and Wolfe, section 3.3).
    pub fn estimate(&self, tail: f64) -> HodgesLehmann {
        let interval = self.law.critical(tail).and_then(|critical| {
            let last = self.sorted.len() - 1;
            let (low, high) = (critical, last.checked_sub(critical)?);
            (low <= high).then(|| Interval {
                low: self.sorted[low],
                high: self.sorted[high],
                confidence: 1.0 - 2.0 * self.law.at_most(critical),
            })
        });
        HodgesLehmann {
            value: median_of_sorted(&self.sorted),
            interval,
            count: self.law.count(),
        }
    }

    /// Returns the one-sided p-value against "the centre is at or below zero".
    ///
    /// At most `tail` exactly if the lower end for that tail is above zero. Zeros and ties count in favour
    /// of the null hypothesis.
    pub fn p_greater(&self) -> f64 {
        let against = self.sorted.partition_point(|average| *average <= 0.0);
        self.law.at_most(against)
    }

    /// Returns the one-sided p-value against "the centre is at or above zero".
    pub fn p_less(&self) -> f64 {
        let against = self.sorted.len() - self.sorted.partition_point(|average| *average < 0.0);
        self.law.at_most(against)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    /// Hollander and Wolfe, table 3.1: Hamilton depression scale factor IV of nine patients before
    /// and after a tranquilliser (Salsburg, 1970).
    const BEFORE: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    #[expect(clippy::approx_constant, reason = "a published observation, not pi")]
    const AFTER: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

    fn averages(differences: &[f64]) -> WalshAverages {
        WalshAverages::of(differences).unwrap()
    }

    #[test]
    fn matches_hollander_wolfe_example() {
        let differences: Vec<f64> = BEFORE.iter().zip(AFTER).map(|(x, y)| x - y).collect();
        let averages = averages(&differences);
        let positive = averages
            .sorted
            .iter()
            .filter(|average| **average > 0.0)
            .count();
        assert_eq!(positive, 40);
        assert!((averages.p_greater() - 10.0 / 512.0).abs() < 1e-12);
        // Examples 3.3 and 3.4: the estimate 0.46 and, with a confidence of 96.1%, 0.010 to 0.786.
        let estimate = averages.estimate(0.025);
        assert!((estimate.value - 0.46).abs() < 1e-9, "{estimate:?}");
        let interval = estimate.interval.unwrap();
        assert!((interval.confidence - 0.961).abs() < 5e-4, "{interval:?}");
        assert!((interval.low - 0.010).abs() < 1e-9, "{interval:?}");
        assert!((interval.high - 0.786).abs() < 1e-9, "{interval:?}");
        assert_eq!(estimate.count, 9);
    }

    #[test]
    fn small_sample_has_no_interval() {
        let estimate = averages(&[1.0, 2.0, 6.0]).estimate(0.025);
        // 1, 1.5, 2, 3.5, 4, 6.
        assert_eq!((estimate.value, estimate.interval), (2.75, None));
        assert!(WalshAverages::of(&[]).is_none());
    }

    #[test]
    fn interval_may_be_a_single_average() {
        // Walsh averages 1, 2 and 3. W+ is 0 to 3 with equal probability, so each end misses with one half.
        let interval = averages(&[1.0, 3.0]).estimate(0.5).interval.unwrap();
        assert_eq!(
            (interval.low, interval.high, interval.confidence),
            (2.0, 2.0, 0.0)
        );
    }

    #[test]
    fn zeros_and_ties_favour_null_hypothesis() {
        let averages = averages(&[0.0; 20]);
        assert_eq!((averages.p_greater(), averages.p_less()), (1.0, 1.0));
        let interval = averages.estimate(0.01).interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.0));
    }

    #[test]
    fn intervals_attain_their_confidence() {
        // Enough seeds for a standard error of 0.3%; symmetric noise of very unequal spread.
        let seeds = 4000;
        let (mut missed_below, mut missed_above) = (0, 0);
        for seed in 0..seeds {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let sample: Vec<f64> = (0..15)
                .map(|index| {
                    let uniform: f64 = rng.random_range(-1.0..1.0);
                    3.0 + uniform.powi(3) * f64::from(1 + index)
                })
                .collect();
            let interval = averages(&sample).estimate(0.05).interval.unwrap();
            missed_below += u32::from(interval.low > 3.0);
            missed_above += u32::from(interval.high < 3.0);
        }
        let attained = SignedRank::new(15);
        let tail = attained.at_most(attained.critical(0.05).unwrap());
        for missed in [missed_below, missed_above] {
            let share = f64::from(missed) / seeds as f64;
            assert!((share - tail).abs() < 0.012, "{share} is not {tail}");
        }
    }

    fn samples() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-1.0_f64..1.0, 6..40)
    }

    proptest! {
        #[test]
        fn estimate_is_shift_and_sign_equivariant(sample in samples(), by in -5.0_f64..5.0) {
            let one = averages(&sample).estimate(0.02);
            let shifted: Vec<f64> = sample.iter().map(|d| d + by).collect();
            let mirrored: Vec<f64> = sample.iter().map(|d| -d).collect();
            prop_assert!((averages(&shifted).estimate(0.02).value - one.value - by).abs() < 1e-9);
            let mirror = averages(&mirrored);
            prop_assert!((mirror.estimate(0.02).value + one.value).abs() < 1e-12);
            prop_assert_eq!(mirror.p_less(), averages(&sample).p_greater());
            if let (Some(a), Some(b)) = (one.interval, mirror.estimate(0.02).interval) {
                prop_assert_eq!((a.low, a.high), (-b.high, -b.low));
            }
        }

        #[test]
        fn order_of_sample_is_irrelevant(sample in samples(), turn in 0_usize..40) {
            let mut turned = sample.clone();
            turned.rotate_left(turn % sample.len());
            turned.reverse();
            prop_assert_eq!(averages(&turned).estimate(0.02), averages(&sample).estimate(0.02));
        }

        #[test]
        fn test_and_interval_agree(sample in samples(), tail in 0.001_f64..0.2) {
            let averages = averages(&sample);
            let interval = averages.estimate(tail).interval;
            prop_assert_eq!(
                averages.p_greater() <= tail,
                interval.is_some_and(|interval| interval.low > 0.0)
            );
            prop_assert_eq!(
                averages.p_less() <= tail,
                interval.is_some_and(|interval| interval.high < 0.0)
            );
        }
    }
}
