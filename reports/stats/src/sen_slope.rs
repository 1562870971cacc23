//! Slope of a straight line, robust to outliers.

use std::borrow::Cow;

use crate::median::median;
use crate::normal::upper_quantile;

/// Tail on each side of the 95% interval.
const TAIL: f64 = 0.025;

/// Most points that are compared in pairs: 180,000 slopes, 1.4 MB.
const POINTS_MAX: usize = 600;

/// Slope of a straight line through points, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SenSlope {
    /// Median of the slopes between all pairs of points.
    pub slope: f64,
    /// Its 95% interval.
    pub interval: [f64; 2],
}

impl SenSlope {
    /// Estimates the slope of `y` over `x` from points `(x, y)`. `None` if there are too few points with different `x` for an interval.
    ///
    /// The estimate of Theil and Sen; up to 29% of the points may be wrong. The interval has the ranks of Kendall's statistic, in its normal
    /// approximation with ties in `x` (P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, Journal of the
    /// American Statistical Association 63, 1968). Assumes independent errors of one distribution.
    ///
    /// More than 600 points are merged to 600: neighbours in `x`, or in the given order with the same `x`, to their mean. That keeps a line a line, and
    /// time and memory bounded. Outliers then count less than a point each, but spoil the mean that they are in.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let merged = merged(points);
        let points: &[(f64, f64)] = &merged;
        let mut slopes = Vec::new();
        for (index, (x, y)) in points.iter().enumerate() {
            for (other_x, other_y) in &points[index + 1..] {
                let slope = (other_y - y) / (other_x - x);
                // Points with the same `x` have none.
                if slope.is_finite() {
                    slopes.push(slope);
                }
            }
        }
        slopes.sort_by(f64::total_cmp);
        let width = upper_quantile(TAIL) * variance(points).sqrt();
        let rank = ((slopes.len() as f64 - width) / 2.0).floor();
        if rank < 1.0 {
            return None;
        }
        let below = rank as usize - 1;
        let above = slopes.len().checked_sub(rank as usize)?;
        Some(Self {
            slope: median(&slopes),
            interval: [*slopes.get(below)?, *slopes.get(above)?],
        })
    }
}

/// Returns at most [`POINTS_MAX`] points, each the mean of about as many neighbours. Points without a place are left out.
fn merged(points: &[(f64, f64)]) -> Cow<'_, [(f64, f64)]> {
    if points.len() <= POINTS_MAX {
        return Cow::Borrowed(points);
    }
    let is_finite = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
    let mut sorted: Vec<(f64, f64)> = points.iter().filter(is_finite).copied().collect();
    // Stable: points with the same `x` stay in their order.
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let groups = POINTS_MAX.min(sorted.len());
    let means = (0..groups).map(|group| {
        let [from, to] = [group, group + 1].map(|own| own * sorted.len() / groups);
        let own = &sorted[from..to];
        let mean = |of: fn(&(f64, f64)) -> f64| {
            let first = own.first().map_or(0.0, of);
            // Exact for equal values.
            first + own.iter().map(|point| of(point) - first).sum::<f64>() / own.len() as f64
        };
        (mean(|own| own.0), mean(|own| own.1))
    });
    Cow::Owned(means.collect())
}

/// Variance of Kendall's statistic for independent `x` and `y`, with ties in `x`.
fn variance(points: &[(f64, f64)]) -> f64 {
    let term = |count: usize| {
        let count = count as f64;
        count * (count - 1.0) * (2.0 * count + 5.0)
    };
    let mut values: Vec<f64> = points.iter().map(|(x, _)| *x).collect();
    values.sort_by(f64::total_cmp);
    let ties = values.chunk_by(|one, other| one == other);
    let tied: f64 = ties.map(|tie| term(tie.len())).sum();
    (term(points.len()) - tied) / 18.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand_distr::{Distribution as _, Normal, Uniform};
    use rand_pcg::Pcg64;

    use super::*;

    #[test]
    fn matches_the_example_of_sen() {
        // Sen's own data: the median of 21 slopes is 4. The rank of the ends: (21 - 1.96 sqrt(7 * 6 * 19 / 18)) / 2 = 3.97, so the
        // third slope from either end.
        let points = [
            (1.0, 9.0),
            (2.0, 15.0),
            (3.0, 19.0),
            (4.0, 20.0),
            (10.0, 45.0),
            (12.0, 55.0),
            (18.0, 78.0),
        ];
        let found = SenSlope::of(&points).unwrap();
        assert!((found.slope - 4.0).abs() < 1e-12, "{found:?}");
        let mut slopes: Vec<f64> = Vec::new();
        for one in 0..points.len() {
            for other in 0..one {
                let (a, b) = (points[one], points[other]);
                slopes.push((a.1 - b.1) / (a.0 - b.0));
            }
        }
        slopes.sort_by(f64::total_cmp);
        assert_eq!(found.interval, [slopes[2], slopes[18]]);
    }

    #[test]
    fn needs_points_with_different_x() {
        assert_eq!(SenSlope::of(&[]), None);
        assert_eq!(SenSlope::of(&[(0.0, 1.0); 20]), None);
        assert_eq!(SenSlope::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
    }

    #[test]
    fn ignores_outliers() {
        let mut points: Vec<(f64, f64)> = (0..12)
            .map(|n| (f64::from(n % 3), 1.0 + 2.0 * f64::from(n % 3)))
            .collect();
        points[4].1 = 900.0;
        points[9].1 = -900.0;
        let found = SenSlope::of(&points).unwrap();
        assert!((found.slope - 2.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn many_points_are_merged_evenly() {
        let mut stream = Pcg64::seed_from_u64(8);
        let noise = Normal::new(0.0, 0.1).unwrap();
        let levels = [0.0, 0.0, 0.25, 0.5];
        let points: Vec<(f64, f64)> = (0..200_000)
            .map(|n| levels[n % 4])
            .map(|x| (x, 1.0 + 0.7 * x + noise.sample(&mut stream)))
            .collect();
        let means = merged(&points);
        assert_eq!(means.len(), POINTS_MAX);
        // Of 600 means, at most three have points of two levels.
        let pure = means.iter().filter(|(x, _)| levels.contains(x));
        assert!(pure.count() >= POINTS_MAX - 3);
        let began = std::time::Instant::now();
        let found = SenSlope::of(&points).unwrap();
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        let [low, high] = found.interval;
        assert!(low <= 0.7 && 0.7 <= high, "{found:?}");
        // As narrow as 200,000 points are: the standard error is 0.1 / (0.207 sqrt(200,000)).
        assert!(high - low < 0.01, "{found:?}");
        // One point more than is compared, without a place for some.
        let mut few: Vec<(f64, f64)> = (0..601).map(|n| (f64::from(n), f64::from(2 * n))).collect();
        few[7].1 = f64::NAN;
        few[9].0 = f64::INFINITY;
        let found = SenSlope::of(&few).unwrap();
        assert!((found.slope - 2.0).abs() < 1e-9, "{found:?}");
    }

    /// With the points of an experiment: six at 0, three each at 0.25 and 0.5.
    #[test]
    fn interval_covers_the_slope() {
        let mut stream = Pcg64::seed_from_u64(7);
        let noise = Normal::new(0.0, 0.1).unwrap();
        let levels = [0.0, 0.0, 0.25, 0.5];
        let covered = (0..2_000).filter(|_| {
            let slope: f64 = Uniform::new(0.0, 1.0).unwrap().sample(&mut stream);
            let points: Vec<(f64, f64)> = (0..12)
                .map(|n| levels[n % 4])
                .map(|x| (x, 1.0 + slope * x + noise.sample(&mut stream)))
                .collect();
            let [low, high] = SenSlope::of(&points).unwrap().interval;
            low <= slope && slope <= high
        });
        let share = covered.count() as f64 / 2_000.0;
        assert!((0.93..=0.99).contains(&share), "{share}");
    }

    proptest! {
        #[test]
        fn order_and_scale_do_not_matter(
            points in proptest::collection::vec((0..4_u8, -1e3..1e3_f64), 10..30),
            scale in 0.01..100.0_f64,
        ) {
            let points: Vec<(f64, f64)> =
                points.into_iter().map(|(x, y)| (f64::from(x), y)).collect();
            let reversed: Vec<(f64, f64)> = points.iter().rev().copied().collect();
            prop_assert_eq!(SenSlope::of(&points), SenSlope::of(&reversed));
            let scaled: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x, y * scale)).collect();
            if let (Some(one), Some(other)) = (SenSlope::of(&points), SenSlope::of(&scaled)) {
                let error = (one.slope * scale - other.slope).abs();
                prop_assert!(error <= 1e-9 * one.slope.abs().max(1.0) * scale, "{one:?} {other:?}");
                prop_assert!(one.interval[0] <= one.slope && one.slope <= one.interval[1]);
            }
        }
    }
}
