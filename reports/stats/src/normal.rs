//! Upper tail of the standard normal distribution, and its inverse.

/// Absolute value from which the continued fraction replaces the series.
const TAIL_START: f64 = 3.0;

/// Terms of the continued fraction: enough to converge to machine precision from [`TAIL_START`] on.
const TERMS: u32 = 80;

/// Newton steps from four correct digits to sixteen.
const NEWTON_STEPS: usize = 3;

/// Returns the probability that a standard normal variable exceeds `x`.
///
/// Uses the series of Marsaglia near the centre (Evaluating the normal distribution, Journal of
/// Statistical Software 11, 2004) and the continued fraction of Laplace in the tail (Abramowitz and
/// Stegun, 26.2.14), so that small tails keep their relative accuracy.
pub(crate) fn upper_tail(x: f64) -> f64 {
    if x < -TAIL_START {
        return 1.0 - upper_tail(-x);
    }
    if x > TAIL_START {
        let below = (1..=TERMS).rev().fold(x, |rest, n| x + f64::from(n) / rest);
        return density(x) / below;
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 - density(x) * sum
}

/// Returns the `z` that a standard normal variable exceeds with probability `tail`.
///
/// Starts from Hastings' approximation, whose error is at most 0.00045 (Abramowitz and Stegun, 26.2.23),
/// and refines it by Newton's method to machine precision. Tails of 0 count as the smallest positive
/// number.
pub(crate) fn upper_quantile(tail: f64) -> f64 {
    if tail > 0.5 {
        return -upper_quantile(1.0 - tail);
    }
    let tail = tail.max(f64::MIN_POSITIVE);
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (0..NEWTON_STEPS).fold(t - above / below, |z, _| {
        z + (upper_tail(z) - tail) / density(z)
    })
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_match_published_tables() {
        // Abramowitz and Stegun, tables 26.1 and 26.2.
        for (x, tail) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (2.0, 0.022_750_131_948_179),
            (3.0, 0.001_349_898_031_630),
            (5.0, 2.866_515_719e-7),
            (-1.0, 0.841_344_746_068_543),
            (-4.0, 0.999_968_328_758_167),
        ] {
            let tail_of_x = upper_tail(x);
            assert!((tail_of_x / tail - 1.0).abs() < 1e-9, "{x}: {tail_of_x}");
        }
        let step = upper_tail(TAIL_START) / upper_tail(TAIL_START + 1e-12);
        assert!((step - 1.0).abs() < 1e-10, "the two forms must agree");
    }

    #[test]
    fn quantiles_match_published_tables() {
        for (tail, z) in [
            (0.5, 0.0),
            (0.05, 1.644_853_626_951),
            (0.025, 1.959_963_984_540),
            (0.01, 2.326_347_874_041),
            (0.001, 3.090_232_306_168),
            (1e-9, 5.997_807_015_008),
            (0.95, -1.644_853_626_951),
        ] {
            let quantile = upper_quantile(tail);
            assert!((quantile - z).abs() < 1e-9, "{tail}: {quantile}");
        }
    }

    #[test]
    fn quantile_inverts_tail() {
        let tails = (1..=300).map(|exponent| 10_f64.powi(-exponent));
        for tail in tails.chain([0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.49]) {
            let inverted = upper_tail(upper_quantile(tail));
            assert!((inverted / tail - 1.0).abs() < 1e-10, "{tail}: {inverted}");
        }
        let mirrored = upper_quantile(1.0 - 1e-3) + upper_quantile(1e-3);
        assert!(mirrored.abs() < 1e-12, "{mirrored}");
    }

    #[test]
    fn far_tails_are_finite() {
        assert_eq!((upper_tail(-40.0), upper_tail(40.0)), (1.0, 0.0));
        assert_eq!(upper_quantile(0.0), upper_quantile(f64::MIN_POSITIVE));
        assert!(upper_quantile(0.0).is_finite());
    }
}
