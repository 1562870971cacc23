//! Moving-block bootstrap of a series whose neighbouring values depend on each other.

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::order_statistic::CONFIDENCE;

/// Draws replicates of a series: as many blocks of neighbouring values as fill its length, each drawn with replacement.
///
/// Künsch, Annals of Statistics 17, 1989. A block keeps the dependence of neighbouring values, which drawing single values
/// would destroy. The same seed draws the same blocks.
#[derive(Debug, Clone)]
pub struct MovingBlocks {
    count: usize,
    length: usize,
    random: Pcg64Mcg,
}

impl MovingBlocks {
    /// Prepares replicates of a series of `count` values, in blocks of `length` values.
    pub fn new(count: usize, length: usize, seed: u64) -> Self {
        Self {
            count,
            length: length.clamp(1, count.max(1)),
            random: Pcg64Mcg::seed_from_u64(seed),
        }
    }

    /// Draws the blocks of the next replicate: first value and number of values. The numbers add up to the length of the
    /// series.
    pub fn draw(&mut self) -> Vec<(usize, usize)> {
        let mut blocks = Vec::with_capacity(self.count.div_ceil(self.length));
        let mut left = self.count;
        while left > 0 {
            let start = self.random.random_range(0..=self.count - self.length);
            let length = self.length.min(left);
            blocks.push((start, length));
            left -= length;
        }
        blocks
    }

    /// Factor by which the spread of replicates falls short: blocks that overlap the ends are never drawn, so that their
    /// variance is too small by about the share of a block in the series.
    pub fn spread_correction(&self) -> f64 {
        let share = self.length as f64 / self.count.max(1) as f64;
        (1.0 / (1.0 - share.min(0.5))).sqrt()
    }
}

/// Returns the 95% interval of an estimate from its replicates: their percentiles, moved so that their mean is the estimate,
/// and stretched by `correction`. `None` with fewer than 100 replicates.
///
/// Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
pub fn bootstrap_interval(estimate: f64, replicates: &[f64], correction: f64) -> Option<[f64; 2]> {
    if replicates.len() < 100 {
        return None;
    }
    let mut sorted = replicates.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    // Neither quantile is the greatest value, so one above it is there.
    let at = |quantile: f64| {
        let place = quantile * (count - 1.0);
        let (below, share) = (place.floor() as usize, place.fract());
        sorted[below] * (1.0 - share) + sorted[below + 1] * share
    };
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let ends = [tail, 1.0 - tail].map(|quantile| estimate + correction * (at(quantile) - mean));
    ends.iter().all(|end| end.is_finite()).then_some(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::block_length::block_length;

    fn means(values: &[f64], blocks: &mut MovingBlocks, replicates: usize) -> Vec<f64> {
        let mean = |blocks: Vec<(usize, usize)>| -> f64 {
            let drawn = blocks
                .into_iter()
                .flat_map(|(start, length)| &values[start..start + length]);
            drawn.sum::<f64>() / values.len() as f64
        };
        (0..replicates).map(|_| mean(blocks.draw())).collect()
    }

    fn variance(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn single_values_have_the_variance_of_a_mean() {
        // In closed form, the variance of the mean of a replicate is the variance of the values over their number.
        let values: Vec<f64> = (0..50).map(|n| f64::from(n * n % 37)).collect();
        let mut blocks = MovingBlocks::new(values.len(), 1, 5);
        let replicates = means(&values, &mut blocks, 20_000);
        let ratio = variance(&replicates) / (variance(&values) / 50.0);
        assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    }

    #[test]
    fn blocks_have_the_variance_of_block_means() {
        // Künsch, equation 2.4: the variance of a mean of k independent blocks is that of one block's mean over k.
        let values: Vec<f64> = (0..60)
            .map(|n| f64::from(n).sin() + f64::from(n % 7))
            .collect();
        let of_blocks: Vec<f64> = values
            .windows(6)
            .map(|b| b.iter().sum::<f64>() / 6.0)
            .collect();
        let mut blocks = MovingBlocks::new(values.len(), 6, 9);
        let replicates = means(&values, &mut blocks, 20_000);
        let ratio = variance(&replicates) / (variance(&of_blocks) / 10.0);
        assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    }

    #[test]
    fn ends_are_interpolated_percentiles_around_the_estimate() {
        let replicates: Vec<f64> = (0..=100).map(f64::from).collect();
        // The mean is 50, and the ends lie 47.5 from it.
        let [low, high] = bootstrap_interval(7.0, &replicates, 2.0).unwrap();
        assert!((low - (7.0 - 95.0)).abs() < 1e-9, "{low}");
        assert!((high - (7.0 + 95.0)).abs() < 1e-9, "{high}");
        assert_eq!(bootstrap_interval(7.0, &replicates[..99], 2.0), None);
    }

    #[test]
    fn interval_covers_the_mean_of_correlated_values() {
        let covered = |by_blocks: bool| {
            let hits = (0..300).filter(|seed| {
                let mut last = 0.0;
                let values: Vec<f64> = StandardNormal
                    .sample_iter(Pcg64Mcg::seed_from_u64(*seed))
                    .map(|step: f64| {
                        last = 0.5 * last + step;
                        last
                    })
                    .skip(30)
                    .take(100)
                    .collect();
                let length = if by_blocks { block_length(&values) } else { 1 };
                let mut blocks = MovingBlocks::new(values.len(), length, *seed);
                let correction = blocks.spread_correction();
                let replicates = means(&values, &mut blocks, 300);
                let mean = values.iter().sum::<f64>() / 100.0;
                let interval = bootstrap_interval(mean, &replicates, correction);
                interval.is_some_and(|[low, high]| low <= 0.0 && 0.0 <= high)
            });
            hits.count() as f64 / 300.0
        };
        // An interval for independent values covers only 74% here: 1.96 / sqrt(3) standard errors.
        let (blocks, single) = (covered(true), covered(false));
        assert!(single < 0.82, "{single}");
        assert!(blocks > 0.86, "{blocks}");
    }

    #[test]
    fn few_replicates_have_no_interval() {
        assert_eq!(bootstrap_interval(0.0, &[0.0; 99], 1.0), None);
        assert_eq!(bootstrap_interval(2.0, &[5.0; 100], 1.0), Some([2.0, 2.0]));
        assert_eq!(bootstrap_interval(f64::NAN, &[5.0; 100], 1.0), None);
    }

    #[test]
    fn interval_ends_are_moved_and_stretched_percentiles() {
        // Percentiles 2.5 and 97.5 of 0 to 200 are 5 and 195, and their mean is 100.
        let replicates: Vec<f64> = (0..=200).rev().map(f64::from).collect();
        let [low, high] = bootstrap_interval(1_000.0, &replicates, 2.0).unwrap();
        assert!((low - 810.0).abs() < 1e-9, "{low}");
        assert!((high - 1_190.0).abs() < 1e-9, "{high}");
        // Of 0 to 99, they lie between two values: 2.475 and 96.525, around a mean of 49.5.
        let [low, high] = bootstrap_interval(49.5, &replicates[101..], 1.0).unwrap();
        assert!((low - 2.475).abs() < 1e-9, "{low}");
        assert!((high - 96.525).abs() < 1e-9, "{high}");
    }

    #[test]
    fn spread_is_corrected_by_the_share_of_a_block() {
        // 1 / sqrt(1 - 19 / 100) = 1 / 0.9; blocks longer than half of the series count as half.
        for (count, length, exact) in [
            (100, 19, 1.0 / 0.9),
            (100, 50, std::f64::consts::SQRT_2),
            (100, 80, std::f64::consts::SQRT_2),
            (0, 5, std::f64::consts::SQRT_2),
        ] {
            let correction = MovingBlocks::new(count, length, 1).spread_correction();
            assert!(
                (correction - exact).abs() < 1e-12,
                "{count} {length}: {correction}"
            );
        }
    }

    proptest! {
        #[test]
        fn blocks_fill_the_series(count in 0_usize..300, length in 0_usize..400, seed: u64) {
            let mut blocks = MovingBlocks::new(count, length, seed);
            let drawn = blocks.draw();
            prop_assert_eq!(drawn.iter().map(|(_, length)| length).sum::<usize>(), count);
            prop_assert!(drawn.iter().all(|(start, length)| start + length <= count));
            prop_assert_eq!(&MovingBlocks::new(count, length, seed).draw(), &drawn);
        }
    }
}
