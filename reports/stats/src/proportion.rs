//! Confidence intervals of proportions and of their differences.

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Some hits among a count of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    /// Trials that were hits; at most the count.
    pub hits: u64,
    /// Trials.
    pub count: u64,
}

impl Proportion {
    /// Returns the share of hits, 0 to 1. `None` without a trial.
    pub fn share(self) -> Option<f64> {
        (self.count > 0).then(|| self.hits as f64 / self.count as f64)
    }
}

/// Returns the 95% confidence interval of a proportion, `hits` of `count`; `[0, 1]` if `count` is 0.
///
/// The score interval of Wilson (Journal of the American Statistical Association 22, 1927), which also
/// attains its confidence for shares near 0 and 1. Assumes independent trials.
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

/// Returns the 95% confidence interval of the share of `one` less the share of `other`; `[-1, 1]` without a
/// trial of either.
///
/// Newcombe's hybrid of two score intervals (Interval estimation for the difference between independent
/// proportions, Statistics in Medicine 17, 1998, method 10). Assumes independent trials.
pub fn newcombe_interval(one: Proportion, other: Proportion) -> [f64; 2] {
    let (Some(one_share), Some(other_share)) = (one.share(), other.share()) else {
        return [-1.0, 1.0];
    };
    let [one_low, one_high] = wilson_interval(one.hits, one.count);
    let [other_low, other_high] = wilson_interval(other.hits, other.count);
    let difference = one_share - other_share;
    [
        difference - (one_share - one_low).hypot(other_high - other_share),
        difference + (one_high - one_share).hypot(other_share - other_low),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_newcombe_table() {
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

    #[test]
    fn difference_intervals_match_newcombe_table() {
        // Newcombe (1998), table II, method 10.
        for (one, other, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((5, 56), (0, 29), -0.0381, 0.1926),
        ] {
            let proportion = |(hits, count)| Proportion { hits, count };
            let [a, b] = newcombe_interval(proportion(one), proportion(other));
            assert!((a - low).abs() < 1e-4 && (b - high).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn nothing_counted_leaves_the_whole_range() {
        let none = Proportion { hits: 0, count: 0 };
        let some = Proportion { hits: 1, count: 2 };
        assert_eq!(wilson_interval(0, 0), [0.0, 1.0]);
        assert_eq!(newcombe_interval(some, none), [-1.0, 1.0]);
        assert_eq!((some.share(), none.share()), (Some(0.5), None));
    }
}
