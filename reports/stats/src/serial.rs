//! Variance inflation of serially correlated samples.

use crate::normal::{upper_quantile, upper_tail};
use crate::ranks::ranks;

/// Maximum correlation to correct for.
const CORRELATION_MAX: f64 = 0.9;

/// Returns the factor by which correlation of consecutive values inflates the variance of the mean; at
/// least 1.
///
/// `(1 + r) / (1 - r)`, the long-run variance of a first-order autoregression, where `r` is the lag-one
/// rank correlation (Wald and Wolfowitz, Annals of Mathematical Statistics 14, 1943), corrected for its
/// bias of `-(1 + 3 r) / n` (Kendall, Biometrika 41, 1954). Uses ranks, because one outlier would hide
/// the correlation of all other values. 1 for fewer than five values.
///
/// A dozen values estimate `r` poorly: independent values often seem correlated, which widens their
/// interval, and correlated values may seem independent. A gate therefore uses the factor of its
/// calibration if that is greater.
pub fn serial_inflation(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 5 {
        return 1.0;
    }
    let ranks = ranks(values);
    let mean = (n as f64 - 1.0) / 2.0;
    let squares: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    if squares == 0.0 {
        return 1.0;
    }
    let products: f64 = ranks
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .sum();
    let count = n as f64;
    let correlation = (products / squares + 1.0 / count) / (1.0 - 3.0 / count);
    if correlation <= 0.0 {
        return 1.0;
    }
    let correlation = correlation.min(CORRELATION_MAX);
    (1.0 + correlation) / (1.0 - correlation)
}

/// Corrects a p-value, computed for independent values, for an inflated variance: divides its normal
/// quantile by the square root of the inflation. Never returns less than `p`.
pub fn correct_p_value(p: f64, inflation: f64) -> f64 {
    if inflation <= 1.0 || p >= 0.5 {
        return p;
    }
    upper_tail(upper_quantile(p) / inflation.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64Mcg;

    fn mean_inflation(correlation: f64, count: usize) -> f64 {
        let seeds = 500;
        (0..seeds)
            .map(|seed| {
                let mut last = 0.0;
                let values: Vec<f64> = StandardNormal
                    .sample_iter(Pcg64Mcg::seed_from_u64(seed))
                    .map(|step: f64| {
                        last = correlation * last + step;
                        last
                    })
                    .skip(20)
                    .take(count)
                    .collect();
                serial_inflation(&values)
            })
            .sum::<f64>()
            / seeds as f64
    }

    #[test]
    fn matches_closed_form_of_autoregression() {
        // (1 + 0.5) / (1 - 0.5) = 3; ranks correlate slightly less than values.
        let inflation = mean_inflation(0.5, 400);
        assert!((2.6..3.3).contains(&inflation), "{inflation}");
    }

    #[test]
    fn matches_hand_computed_example() {
        // Lag-one rank correlation 0.61: (0.61 + 1/20) / (1 - 3/20) = 0.66 / 0.85, and 1.51 / 0.19 = 7.947.
        let wave = [1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0];
        let values: Vec<f64> = wave.into_iter().cycle().take(20).collect();
        assert!((serial_inflation(&values) - 151.0 / 19.0).abs() < 1e-9);
        // A monotonic series is capped at a correlation of 0.9; an alternating one has none to correct.
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        assert!((serial_inflation(&rising) - 19.0).abs() < 1e-9);
        assert_eq!(serial_inflation(&[1.0, 9.0, 1.0, 9.0, 1.0, 9.0]), 1.0);
    }

    #[test]
    fn independent_values_inflate_little() {
        let inflation = mean_inflation(0.0, 40);
        assert!((1.0..1.25).contains(&inflation), "{inflation}");
    }

    #[test]
    fn p_value_correction_matches_normal_table() {
        // z = 2.326 halved is 1.163, which 12.2% exceed.
        assert!((correct_p_value(0.01, 4.0) - 0.1224).abs() < 1e-4);
        assert_eq!(correct_p_value(0.01, 1.0), 0.01);
        assert_eq!(correct_p_value(0.7, 3.0), 0.7);
    }

    #[test]
    fn small_or_constant_samples_inflate_nothing() {
        assert_eq!(serial_inflation(&[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(serial_inflation(&[2.0; 30]), 1.0);
    }

    #[test]
    fn corrects_from_five_values_on() {
        // A monotonic series of five: (4 / 10 + 1 / 5) / (1 - 3 / 5) = 1.5, capped at 0.9.
        assert!((serial_inflation(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 19.0).abs() < 1e-9);
        assert_eq!(serial_inflation(&[1.0, 2.0, 3.0, 4.0]), 1.0);
    }
}
