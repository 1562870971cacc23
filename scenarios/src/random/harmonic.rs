//! Generalized harmonic numbers, the sums in Zipf's law.

/// Returns `1 + 2^-s + ... + n^-s`.
///
/// Sums the first terms, and approximates the rest by the Euler-Maclaurin formula with three correction
/// terms (Graham, Knuth and Patashnik, "Concrete Mathematics", 9.5). From 1,000 on, it is exact to the
/// last digits of an `f64` for exponents up to 100.
pub fn harmonic(n: u64, exponent: f64) -> f64 {
    const SUMMED: u64 = 1000;
    let term = |k: f64| libm::pow(k, -exponent);
    let head: f64 = (1..=n.min(SUMMED)).rev().map(|k| term(k as f64)).sum();
    if n <= SUMMED {
        return head;
    }
    let (a, b) = (SUMMED as f64, n as f64);
    let integral = match (exponent - 1.0).abs() < 1e-9 {
        true => libm::log(b / a),
        false => (libm::pow(b, 1.0 - exponent) - libm::pow(a, 1.0 - exponent)) / (1.0 - exponent),
    };
    let first = |k: f64| -exponent * libm::pow(k, -exponent - 1.0);
    let third =
        |k: f64| -exponent * (exponent + 1.0) * (exponent + 2.0) * libm::pow(k, -exponent - 3.0);
    head + integral + (term(b) - term(a)) / 2.0 + (first(b) - first(a)) / 12.0
        - (third(b) - third(a)) / 720.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_plain_sum_and_known_limits() {
        for exponent in [0.0, 0.3, 0.8, 0.99, 1.0, 1.2, 3.0] {
            let plain: f64 = (1..=200_000u64)
                .rev()
                .map(|k| (k as f64).powf(-exponent))
                .sum();
            let quick = harmonic(200_000, exponent);
            assert!(
                (plain - quick).abs() < 1e-9 * plain,
                "{exponent}: {plain} {quick}"
            );
        }
        // zeta(2), with the missing tail 1/n - 1/2n^2.
        let zeta_two = std::f64::consts::PI.powi(2) / 6.0;
        let n = 1e9;
        assert!((harmonic(1_000_000_000, 2.0) + 1.0 / n - zeta_two).abs() < 1e-12);
        // ln n + Euler's constant.
        let logarithm = n.ln() + 0.577_215_664_901_532_9 + 0.5 / n;
        assert!((harmonic(1_000_000_000, 1.0) - logarithm).abs() < 1e-9);
    }
}
