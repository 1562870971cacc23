//! Power: the effect that a number of rounds can detect, and the rounds that an effect needs.

use crate::normal::upper_quantile;

/// Returns the smallest slowdown, as a ratio minus one, that a one-sided test at `level` detects with
/// probability `power`.
///
/// `noise` is the standard deviation of the logarithm of the ratio from round to round.
///
/// Solves `n = ((z(level) + z(1 - power)) noise / ln(1 + delta))^2` for delta: the sample size of the
/// normal test (Lehmann, Elements of Large-Sample Theory, section 3.3). The signed-rank test needs up
/// to 1.05 times as many rounds for normal noise, and fewer for heavy-tailed noise.
pub fn smallest_detectable(noise: f64, rounds: usize, level: f64, power: f64) -> f64 {
    (reach(level, power) * noise / (rounds as f64).sqrt()).exp_m1()
}

/// Returns the number of rounds that detect a slowdown of `effect`, a ratio minus one, at `level` with
/// probability `power`. At least the number from which the exact test can be significant.
pub fn rounds_needed(noise: f64, effect: f64, level: f64, power: f64) -> usize {
    let needed = (reach(level, power) * noise / effect.ln_1p())
        .powi(2)
        .ceil();
    (needed as usize).max(rounds_min(level))
}

/// Returns the smallest number of rounds at which a signed-rank test can be significant: `2^-n <= level`.
pub fn rounds_min(level: f64) -> usize {
    (-level.log2()).ceil() as usize
}

fn reach(level: f64, power: f64) -> f64 {
    upper_quantile(level) + upper_quantile(1.0 - power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matches_closed_form() {
        // (2.326 + 1.645) = 3.971; 5% is 0.04879.
        for (noise, rounds) in [(0.05, 17), (0.08, 43), (0.03, 7)] {
            // At 3% noise, the formula needs 6 rounds and the exact test needs 7.
            assert_eq!(rounds_needed(noise, 0.05, 0.01, 0.95), rounds, "{noise}");
        }
        let delta = smallest_detectable(0.03, 36, 0.01, 0.95);
        assert!((delta - 0.020_05).abs() < 1e-4, "{delta}");
    }

    #[test]
    fn significance_needs_a_minimum_of_rounds() {
        // The smallest p-value of n rounds is 2^-n.
        for (level, rounds) in [
            (0.5, 1),
            (0.05, 5),
            (0.01, 7),
            (1.0 / 128.0, 7),
            (0.001, 10),
        ] {
            assert_eq!(rounds_min(level), rounds, "{level}");
        }
        assert_eq!(rounds_needed(1e-6, 0.5, 0.01, 0.95), 7);
    }

    proptest! {
        #[test]
        fn needed_rounds_detect_the_effect(noise in 0.001_f64..0.3, effect in 0.01_f64..0.5) {
            let rounds = rounds_needed(noise, effect, 0.002, 0.95);
            prop_assert!(smallest_detectable(noise, rounds, 0.002, 0.95) <= effect * (1.0 + 1e-9));
        }
    }
}
