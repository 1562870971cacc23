//! The shift of a sample from zero, by Hodges and Lehmann, with the interval of Tukey.

use serde::{Deserialize, Serialize};

use crate::stats::median::median_of_sorted;
use crate::stats::signed_rank::SignedRank;

/// An interval with the confidence that it attains.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The probability with which both ends together enclose what is estimated. Each end alone errs
    /// in half of what is left.
    pub confidence: f64,
}

/// The estimated shift of a sample, in the sample's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HodgesLehmann {
    /// The median of the Walsh averages.
    pub value: f64,
    /// Its interval; none where the sample is too small for one.
    pub interval: Option<Interval>,
    /// Number of differences behind it.
    pub count: usize,
}

/// The averages of all pairs of a sample, each value with itself among them, in order.
///
/// Their median is the estimate of Hodges and Lehmann (Estimates of location based on rank tests,
/// Annals of Mathematical Statistics 34, 1963), and the number of them above zero is Wilcoxon's
/// signed-rank statistic (Tukey, 1949; Hollander and Wolfe, section 3.3), so that estimate, interval
/// and test never contradict one another. Assumes independent differences from distributions
/// symmetric about one centre; they need not be alike otherwise.
#[derive(Debug, Clone)]
pub struct WalshAverages {
    sorted: Vec<f64>,
    law: SignedRank,
}

impl WalshAverages {
    /// Averages a sample of finite differences; none of an empty one.
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

    /// Returns the estimate with the interval of which each end errs with a probability of at most
    /// `tail`: the k-th smallest and the k-th greatest average (Hollander and Wolfe, section 3.3).
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

    /// Returns the one-sided p-value against "the centre is at or below zero". At most `tail` exactly
    /// where the lower end for that tail is above zero: zeros and ties count against the claim.
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
    fn the_published_example_comes_out() {
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
    fn a_small_sample_has_an_estimate_but_no_interval() {
        let estimate = averages(&[1.0, 2.0, 6.0]).estimate(0.025);
        // 1, 1.5, 2, 3.5, 4, 6.
        assert_eq!((estimate.value, estimate.interval), (2.75, None));
        assert!(WalshAverages::of(&[]).is_none());
    }

    #[test]
    fn zeros_and_ties_speak_against_every_claim() {
        let averages = averages(&[0.0; 20]);
        assert_eq!((averages.p_greater(), averages.p_less()), (1.0, 1.0));
        let interval = averages.estimate(0.01).interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.0));
    }

    #[test]
    fn intervals_cover_as_often_as_they_say() {
        // Seeds enough for a standard error of 0.3%; symmetric noise of very unequal spread.
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
        fn a_shift_shifts_and_a_sign_mirrors(sample in samples(), by in -5.0_f64..5.0) {
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
        fn order_does_not_matter(sample in samples(), turn in 0_usize..40) {
            let mut turned = sample.clone();
            turned.rotate_left(turn % sample.len());
            turned.reverse();
            prop_assert_eq!(averages(&turned).estimate(0.02), averages(&sample).estimate(0.02));
        }

        #[test]
        fn the_test_and_the_interval_agree(sample in samples(), tail in 0.001_f64..0.2) {
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
