//! Fisher's exact test of two proportions.

use crate::proportion::Proportion;

/// Returns the one-sided p-value against "`one` has no greater share than `other`".
///
/// The upper tail of the hypergeometric distribution: the probability that `one` has at least its hits
/// when all hits are spread over both counts at random (Fisher, The Design of Experiments, 1935).
/// Assumes independent trials. 1 without a hit. Takes time linear in the smaller of hits and counts.
pub fn fisher_exact(one: Proportion, other: Proportion) -> f64 {
    let hits = one.hits + other.hits;
    let low = hits.saturating_sub(other.count);
    let high = hits.min(one.count);
    // P(x + 1) / P(x): each probability follows from its neighbour and is scaled by the sum of all.
    let ratio = |x: u64| {
        (hits - x) as f64 * (one.count - x) as f64
            / ((x + 1) as f64 * (other.count + x + 1 - hits) as f64)
    };
    // Near the most probable value, the probabilities neither overflow nor vanish.
    let mean = hits as f64 * one.count as f64 / (one.count + other.count).max(1) as f64;
    let middle = (mean as u64).clamp(low, high);
    let (mut sum, mut tail) = (0.0, 0.0);
    let mut add = |x: u64, weight: f64| {
        sum += weight;
        if x >= one.hits {
            tail += weight;
        }
    };
    let mut weight = 1.0;
    add(middle, weight);
    for x in middle..high {
        weight *= ratio(x);
        add(x + 1, weight);
    }
    weight = 1.0;
    for x in (low..middle).rev() {
        weight /= ratio(x);
        add(x, weight);
    }
    tail / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p_value(one: (u64, u64), other: (u64, u64)) -> f64 {
        let proportion = |(hits, count)| Proportion { hits, count };
        fisher_exact(proportion(one), proportion(other))
    }

    #[test]
    fn matches_the_lady_tasting_tea() {
        // Fisher, The Design of Experiments: three of four right, 17 / 70; all right, 1 / 70.
        assert!((p_value((3, 4), (1, 4)) - 17.0 / 70.0).abs() < 1e-12);
        assert!((p_value((4, 4), (0, 4)) - 1.0 / 70.0).abs() < 1e-12);
        assert!((p_value((0, 4), (4, 4)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn is_one_without_hits_or_trials() {
        assert_eq!(p_value((0, 1000), (0, 1000)), 1.0);
        assert_eq!(p_value((0, 0), (0, 0)), 1.0);
    }

    #[test]
    fn large_equal_shares_are_even_odds() {
        let even = p_value((50_000, 1_000_000), (50_000, 1_000_000));
        assert!((even - 0.5).abs() < 0.005, "{even}");
    }

    #[test]
    fn large_counts_neither_overflow_nor_vanish() {
        // Equal shares: half of the probability, and half of that of the middle, sqrt(4 / (pi n)): the variance is n / 8.
        let p = p_value((50_000, 100_000), (50_000, 100_000));
        let middle = (4.0 / (std::f64::consts::PI * 100_000.0)).sqrt();
        assert!((p - 0.5 - middle / 2.0).abs() < 1e-6, "{p}");
    }
}
