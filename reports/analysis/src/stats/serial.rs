//! How much less rounds tell because each is like the one before.

use crate::stats::normal::{upper_quantile, upper_tail};
use crate::stats::ranks::ranks;

/// The most that is made of correlation: beyond it the rounds are as good as one.
const MOST: f64 = 0.9;

/// Returns by how much the variance of a mean of these values, in their order, exceeds that of
/// independent ones; 1 where neighbours are not alike.
///
/// `(1 + r) / (1 - r)`, the long-run variance of a first-order autoregression, with `r` the correlation
/// of neighbours' ranks (Wald and Wolfowitz, Annals of Mathematical Statistics 14, 1943), freed of its
/// bias of `-(1 + 3 r) / n` (Kendall, Biometrika 41, 1954). Ranks, because one outlier would hide the
/// correlation of all others. A dozen rounds know little of their correlation: independent ones often
/// look somewhat alike and pay for it with wider intervals, and alike ones may not look so, which is why
/// a calibration's figure is used where it is greater.
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
    let correlation = correlation.min(MOST);
    (1.0 + correlation) / (1.0 - correlation)
}

/// Returns what is left of a p-value of independent values once their variance is inflated: its normal
/// quantile shrunk by the root of the inflation. Never less than it was.
pub(crate) fn weakened(p: f64, inflation: f64) -> f64 {
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
    fn a_first_order_autoregression_has_its_closed_form() {
        // (1 + 0.5) / (1 - 0.5) = 3; ranks see slightly less than values.
        let inflation = mean_inflation(0.5, 400);
        assert!((2.6..3.3).contains(&inflation), "{inflation}");
    }

    #[test]
    fn independent_values_are_left_nearly_alone() {
        let inflation = mean_inflation(0.0, 40);
        assert!((1.0..1.25).contains(&inflation), "{inflation}");
    }

    #[test]
    fn a_p_value_is_weakened_as_its_interval_is_widened() {
        // z = 2.326 halved is 1.163, which 12.2% exceed.
        assert!((weakened(0.01, 4.0) - 0.1224).abs() < 1e-4);
        assert_eq!(weakened(0.01, 1.0), 0.01);
        assert_eq!(weakened(0.7, 3.0), 0.7);
    }

    #[test]
    fn little_or_constant_evidence_inflates_nothing() {
        assert_eq!(serial_inflation(&[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(serial_inflation(&[2.0; 30]), 1.0);
    }
}
