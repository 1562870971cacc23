//! A share of a count, with the interval that the count allows.

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Returns the 95% confidence interval of a proportion: `hits` of `count`. The whole range where
/// nothing was counted.
///
/// The score interval of Wilson (Journal of the American Statistical Association 22, 1927), which
/// holds its level for shares near 0 and 1 too. Assumes independent trials.
pub fn wilson_interval(hits: u64, count: u64) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    let n = count as f64;
    let share = hits as f64 / n;
    let z2 = Z * Z;
    let centre = share + z2 / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    [
        ((centre - reach) / scale).max(0.0),
        ((centre + reach) / scale).min(1.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_the_published_ones() {
        // Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine
        // 17 (1998), table I, method 3.
        for (hits, count, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let [a, b] = wilson_interval(hits, count);
            assert!(
                (a - low).abs() < 5e-5 && (b - high).abs() < 5e-5,
                "{hits}/{count}: {a} {b}"
            );
        }
    }
}
