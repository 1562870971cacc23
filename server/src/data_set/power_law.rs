//! Random ranks with a heavy tail.

use rand::{Rng, RngExt};

/// Draws ranks 1 to n, rank r with a probability proportional to r^(-2/3).
///
/// If links are distributed by such ranks, the number of links per node has a power-law tail. If
/// popularity falls as r^-s, its exponent is 1 + 1/s, here 1 + 3/2 = 2.5. Social networks have 2 to 3
/// (Newman, "Power laws, Pareto distributions and Zipf's law", 2005, section 3).
///
/// Drawn by inverting the integral of x^(-2/3), a cube root.
#[derive(Clone, Copy, Debug)]
pub(super) struct PowerLaw {
    ranks: u32,
    span: f64,
}

impl PowerLaw {
    /// Creates the law over 1 to `ranks`, which must be below 2^32.
    pub(super) fn new(ranks: u64) -> Self {
        Self {
            ranks: u32::try_from(ranks).unwrap_or(u32::MAX),
            span: (ranks as f64 + 1.0).cbrt() - 1.0,
        }
    }

    pub(super) fn draw(self, rng: &mut impl Rng) -> u32 {
        let root = rng.random::<f64>() * self.span + 1.0;
        ((root * root * root) as u32).clamp(1, self.ranks.max(1))
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64Mcg;

    use super::*;

    #[test]
    fn frequencies_match_law() {
        let ranks = 1_000_u32;
        let law = PowerLaw::new(u64::from(ranks));
        let mut rng = Pcg64Mcg::new(7);
        let draws = 1_000_000_u32;
        let mut counts = vec![0_u32; ranks as usize + 1];
        for _ in 0..draws {
            counts[law.draw(&mut rng) as usize] += 1;
        }
        assert_eq!(counts[0], 0);
        let span = f64::from(ranks + 1).cbrt() - 1.0;
        // Chi-square against the exact probabilities. With 999 degrees of freedom, the 99.9% point is
        // about 1,143: 999 + 3.09 * sqrt(2 * 999), by a normal approximation with correction.
        let chi_square: f64 = (1..=ranks)
            .map(|rank| {
                let p = (f64::from(rank + 1).cbrt() - f64::from(rank).cbrt()) / span;
                let expected = p * f64::from(draws);
                (f64::from(counts[rank as usize]) - expected).powi(2) / expected
            })
            .sum();
        assert!(chi_square < 1_150.0, "{chi_square}");
    }

    #[test]
    fn single_rank_is_always_drawn() {
        let law = PowerLaw::new(1);
        let mut rng = Pcg64Mcg::new(7);
        assert!((0..1_000).all(|_| law.draw(&mut rng) == 1));
    }
}
