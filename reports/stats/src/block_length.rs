//! Block length of a block bootstrap.

/// Lags beyond which correlations must be negligible, in standard errors of a correlation.
const NEGLIGIBLE: f64 = 2.0;

/// Correlations in a row that must be negligible: the greater of 5 and the root of the logarithm of the number of values, which
/// is below 5 for any series.
const IN_A_ROW: usize = 5;

/// Returns the block length that suits the autocorrelation of a series: 1 for independent values, longer the longer values
/// depend on each other. At most a quarter of the series.
///
/// The automatic choice of Politis and White (Econometric Reviews 23, 2004), with the correction of Patton, Politis and White
/// (Econometric Reviews 28, 2009): it minimises the mean squared error of the estimated variance of the mean, with a flat-top
/// lag window. Assumes that the series is stationary.
pub fn block_length(series: &[f64]) -> usize {
    let n = series.len();
    let longest = (n / 4).max(1);
    if n < 8 {
        return 1;
    }
    let count = n as f64;
    let mean = series.iter().sum::<f64>() / count;
    // In units that cancel out: not divided by the number of values.
    let covariance = |lag: usize| -> f64 {
        let pairs = series.iter().zip(&series[lag..]);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let variance = covariance(0);
    if variance <= 0.0 {
        return 1;
    }
    let lag_max = count.sqrt().ceil() as usize + IN_A_ROW;
    let bound = NEGLIGIBLE * (count.log10() / count).sqrt();
    let is_negligible: Vec<bool> = (1..=lag_max)
        .map(|lag| (covariance(lag) / variance).abs() < bound)
        .collect();
    let window = is_negligible
        .windows(IN_A_ROW)
        .position(|lags| lags.iter().all(|negligible| *negligible))
        .map_or(lag_max, |last| (2 * last).min(lag_max));
    if window == 0 {
        return 1;
    }
    let (mut spectrum, mut slope) = (variance, 0.0);
    for lag in 1..=window {
        let share = lag as f64 / window as f64;
        let weight = if share <= 0.5 {
            1.0
        } else {
            2.0 * (1.0 - share)
        };
        let weighted = 2.0 * weight * covariance(lag);
        spectrum += weighted;
        slope += lag as f64 * weighted;
    }
    if spectrum <= 0.0 {
        // Alternating values average out faster than independent ones, whatever the length.
        return 1;
    }
    let length = (1.5 * (slope / spectrum).powi(2) * count).cbrt();
    (length.ceil() as usize).clamp(1, longest)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Returns values of a first-order autoregression.
    pub(crate) fn autoregression(correlation: f64, count: usize, seed: u64) -> Vec<f64> {
        let mut last = 0.0;
        StandardNormal
            .sample_iter(Pcg64Mcg::seed_from_u64(seed))
            .map(|step: f64| {
                last = correlation * last + step;
                last
            })
            .skip(50)
            .take(count)
            .collect()
    }

    #[test]
    fn matches_closed_form_of_autoregression() {
        // The slope is 2 r / (1 - r)^2 and the spectrum (1 + r) / (1 - r), in units of the variance. Their ratio is
        // 2 r / (1 - r^2).
        for (correlation, n) in [(0.5, 1_000), (0.7, 2_000)] {
            let ratio: f64 = 2.0 * correlation / (1.0 - correlation * correlation);
            let expected = (1.5 * ratio * ratio * n as f64).cbrt();
            let lengths = (0..60).map(|seed| block_length(&autoregression(correlation, n, seed)));
            let mean = lengths.sum::<usize>() as f64 / 60.0;
            assert!(
                (mean / expected - 1.0).abs() < 0.3,
                "{mean}, not {expected}"
            );
        }
    }

    /// Returns values of a first-order autoregression with the steps of a linear congruential generator.
    fn congruential(correlation: f64, count: usize) -> Vec<f64> {
        let (mut state, mut last) = (1_u64, 0.0);
        let next = |_| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            last = correlation * last + (state as f64 / f64::from(1_u32 << 31) - 0.5);
            last
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn matches_another_calculation() {
        // Of the same formulas, in Python, rounded up. The package arch 8.0.0 gives 14.584 and 11.709 as well; where
        // correlations die out, its window is two lags longer.
        let cases = [
            (0.5, 300, 7.637),
            (0.9, 100, 14.584),
            (0.8, 40, 6.520),
            (-0.5, 300, 4.359),
            (0.95, 60, 11.709),
            (0.97, 200, 21.773),
            (0.8, 16, 1.879),
            (0.7, 8, 1.0),
        ];
        for (correlation, count, expected) in cases {
            let length = block_length(&congruential(correlation, count));
            assert_eq!(
                length,
                f64::ceil(expected) as usize,
                "{correlation}, {count}"
            );
        }
    }

    #[test]
    fn independent_values_have_short_blocks() {
        let lengths = (0..60).map(|seed| block_length(&autoregression(0.0, 400, seed)));
        let mean = lengths.sum::<usize>() as f64 / 60.0;
        assert!(mean < 3.0, "{mean}");
        assert_eq!(block_length(&[3.0; 50]), 1);
        assert_eq!(block_length(&[1.0, 2.0]), 1);
        assert_eq!(block_length(&[]), 1);
    }

    #[test]
    fn length_is_at_most_a_quarter() {
        let rising: Vec<f64> = (0..40).map(f64::from).collect();
        assert_eq!(block_length(&rising), 10);
    }

    /// Returns a first-order autoregression of uniform values from the generator of Park and Miller
    /// (Communications of the ACM 31, 1988), so that other programs can repeat it.
    fn park_miller_autoregression(correlation: f64, count: usize, seed: u64) -> Vec<f64> {
        let (mut state, mut last) = (seed, 0.0);
        (0..count)
            .map(|_| {
                state = state * 48_271 % 2_147_483_647;
                last = correlation * last + state as f64 / 2_147_483_647.0 - 0.5;
                last
            })
            .collect()
    }

    #[test]
    fn matches_another_implementation() {
        // Computed from the paper's formulas by another program: 26.87, 21.37, 63.86, 59.49 and 10.91. The fourth series
        // has no run of negligible correlations.
        for (correlation, count, seed, length) in [
            (0.9, 400, 1, 27),
            (0.9, 400, 3, 22),
            (0.95, 2_000, 1, 64),
            (0.95, 1_000, 2, 60),
            (0.9, 60, 1, 11),
        ] {
            let series = park_miller_autoregression(correlation, count, seed);
            assert_eq!(
                block_length(&series),
                length,
                "{correlation} {count} {seed}"
            );
        }
    }

    #[test]
    fn matches_hand_computed_alternation() {
        let alternating = |count: u8| -> Vec<f64> {
            let signs = (0..count).map(|index| if index % 2 == 0 { 1.0 } else { -1.0 });
            signs.collect()
        };
        // The correlation at lag k is (-1)^k (1 - k / n). Of 8 values, those at lags 1 and 2 exceed the bound of 0.67. With
        // a window of 4, the spectrum is 1/8 and the slope -5/8: 6.7 values, but at most a quarter of the series.
        assert_eq!(block_length(&alternating(8)), 2);
        assert_eq!(block_length(&alternating(7)), 1);
        // Windows of 9 and 11: 2.9 and 4.4 values.
        assert_eq!(block_length(&alternating(16)), 3);
        assert_eq!(block_length(&alternating(26)), 5);
        // A window of 6 gives a spectrum of -2/15.
        assert_eq!(block_length(&alternating(10)), 1);
    }
}
