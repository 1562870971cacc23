//! Fit of Zipf's law to ranks as observed.

use tenfold_scenarios::harmonic;

/// Zipf's law fitted by maximum likelihood to counts in descending order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RankFit {
    /// Exponent.
    pub(super) exponent: f64,
    /// Kolmogorov-Smirnov statistic: the maximum distance between the cumulative shares of the counts
    /// and of the law.
    pub(super) distance: f64,
}

/// Maximum exponent; beyond it, all requests go to one key.
pub(super) const EXPONENT_MAX: f64 = 10.0;

/// Logarithms of the ranks, computed once for all fits.
#[derive(Debug, Default)]
pub(super) struct RankLogs(Vec<f64>);

impl RankLogs {
    fn of(&mut self, ranks: usize) -> &[f64] {
        let known = self.0.len();
        self.0
            .extend((known..ranks).map(|rank| ((rank + 1) as f64).ln()));
        &self.0[..ranks]
    }
}

/// Fits `p(r) = r^-s / (1 + 2^-s + ... + n^-s)` to counts in descending order, all above 0.
///
/// At the maximum-likelihood exponent, the law's mean of `ln r` equals that of the counts (Goldstein,
/// Morris and Yen, "Problems with fitting to the power-law distribution", 2004; for bounded support
/// Clauset, Shalizi and Newman, "Power-law distributions in empirical data", 2009). The log-likelihood
/// `l(s) = -s * sum(c_r ln r) - n ln H(s)` is concave, so Newton's method finds it.
///
/// The exponent is biased, because observed ranks are not the true ranks and unseen keys are missing;
/// [`zipf_fit`](super::zipf_fit) corrects it.
pub(super) fn rank_fit(counts: &[u64], start: f64, logs: &mut RankLogs) -> RankFit {
    let logs = logs.of(counts.len());
    let total: u64 = counts.iter().sum();
    let wanted: f64 = counts
        .iter()
        .zip(logs)
        .map(|(count, log)| *count as f64 * log)
        .sum::<f64>()
        / total as f64;
    let exponent = exponent_of(wanted, start, logs);
    let sum = harmonic(counts.len() as u64, exponent);
    let (mut found, mut law, mut distance) = (0_u64, 0.0, 0.0_f64);
    for (count, log) in counts.iter().zip(logs) {
        found += count;
        law += (-exponent * log).exp() / sum;
        distance = distance.max((found as f64 / total as f64 - law).abs());
    }
    RankFit { exponent, distance }
}

/// Returns the exponent, between 0 and the maximum, at which the mean of `ln r` is `wanted`.
fn exponent_of(wanted: f64, start: f64, logs: &[f64]) -> f64 {
    let (mut low, mut high) = (0.0, EXPONENT_MAX);
    let mut exponent = start.clamp(low, high);
    for _ in 0..100 {
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for log in logs {
            let weight = (-exponent * log).exp();
            sum += weight;
            first += weight * log;
            second += weight * log * log;
        }
        let mean = first / sum;
        let variance = second / sum - mean * mean;
        // The mean falls as the exponent rises.
        match mean > wanted {
            true => low = exponent,
            false => high = exponent,
        }
        let step = exponent + (mean - wanted) / variance;
        let next = if step > low && step < high {
            step
        } else {
            (low + high) / 2.0
        };
        if (next - exponent).abs() < 1e-10 {
            return next;
        }
        exponent = next;
    }
    exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_exponent_of_exact_shares() {
        for exponent in [0.0, 0.6, 0.99, 1.0, 1.3, 3.0] {
            let counts: Vec<u64> = (1..=500)
                .map(|r| (1e12 * f64::from(r).powf(-exponent)).round() as u64)
                .collect();
            let fit = rank_fit(&counts, 1.0, &mut RankLogs::default());
            assert!((fit.exponent - exponent).abs() < 1e-6, "{exponent} {fit:?}");
            assert!(fit.distance < 1e-6, "{fit:?}");
        }
    }

    #[test]
    fn solves_two_keys_in_closed_form() {
        // p(2) / p(1) = 2^-s, so s = log2(c1 / c2).
        let fit = rank_fit(&[700, 100], 0.3, &mut RankLogs::default());
        assert!((fit.exponent - 7_f64.log2()).abs() < 1e-9, "{fit:?}");
        assert!(fit.distance < 1e-9);
        assert_eq!(
            rank_fit(&[5, 5], 1.0, &mut RankLogs::default())
                .exponent
                .round(),
            0.0
        );
    }
}
