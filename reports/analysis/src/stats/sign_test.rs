//! The sign test.

/// Returns the one-sided p-value against "a greater value is no likelier than a smaller one".
///
/// The probability of at most `smaller` tails in `greater + smaller` tosses of a fair coin (Conover,
/// Practical Nonparametric Statistics, section 3.4). Ties are left out of both counts. Assumes
/// independent pairs. 1 without a pair.
pub(crate) fn sign_test(greater: u64, smaller: u64) -> f64 {
    let pairs = greater + smaller;
    let mut probability = 0.5_f64.powi(i32::try_from(pairs).unwrap_or(i32::MAX));
    let mut tail = 0.0;
    for x in 0..=smaller {
        tail += probability;
        probability *= (pairs - x) as f64 / (x + 1) as f64;
    }
    tail.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_binomial_outcomes() {
        assert_eq!(sign_test(5, 0), 1.0 / 32.0);
        // 1 + 5 of 32.
        assert_eq!(sign_test(4, 1), 6.0 / 32.0);
        assert_eq!(sign_test(0, 9), 1.0);
        assert_eq!(sign_test(0, 0), 1.0);
    }
}
