//! The sign test.

/// Returns the one-sided p-value against "a greater value is no likelier than a smaller one".
///
/// The probability of at most `smaller` tails in `greater + smaller` tosses of a fair coin (Conover,
/// Practical Nonparametric Statistics, section 3.4). Ties are left out of both counts. Assumes
/// independent pairs. 1 without a pair. Tails below `2^-500` may be rounded to zero.
pub fn sign_test(greater: u64, smaller: u64) -> f64 {
    let pairs = greater + smaller;
    let (mut ways, mut tail, mut halvings) = (1.0, 0.0, pairs);
    for x in 0..=smaller {
        tail += ways;
        ways *= (pairs - x) as f64 / (x + 1) as f64;
        // All ways add up to 2^pairs, which no number holds from 1,024 pairs on.
        if tail > SCALE {
            (tail, ways) = (tail / SCALE, ways / SCALE);
            halvings -= SCALE_HALVINGS;
        }
    }
    let share = tail * 0.5_f64.powi(i32::try_from(halvings).unwrap_or(i32::MAX));
    share.min(1.0)
}

/// Halvings that undo [`SCALE`].
const SCALE_HALVINGS: u64 = 512;

/// Size from which the number of ways is scaled down: `2^512`.
const SCALE: f64 = 1.340_780_792_994_259_7e154;

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

    #[test]
    fn large_counts_match_closed_form() {
        // Of an even number n, n / 2 come up with probability sqrt(2 / (pi n)) (1 - 1 / (4 n)), to the order of 1 / n^2.
        for half in [600_u32, 50_000] {
            let n = f64::from(2 * half);
            let middle = (2.0 / (std::f64::consts::PI * n)).sqrt() * (1.0 - 0.25 / n);
            let exact = 0.5 + 0.5 * middle;
            let p = sign_test(u64::from(half), u64::from(half));
            assert!((p / exact - 1.0).abs() < 1e-7, "{half}: {p}");
        }
        // The number of ways, summed as whole numbers, over 2^1000 and 2^2000.
        for (greater, smaller, exact) in [
            (530, 470, 0.031_011_597_549_181_59),
            (1_500, 500, 7.371_987_614_884_475e-116),
        ] {
            let p = sign_test(greater, smaller);
            assert!((p / exact - 1.0).abs() < 1e-10, "{greater}: {p}");
        }
    }
}
