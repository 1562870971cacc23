//! Latency by percentile.

use hdrhistogram::Histogram;

use crate::stats::order_statistic::{OrderStatistics, SAMPLES_BEYOND, samples_beyond};

/// Points for each tenfold step towards the end of the curve.
const POINTS_A_DECADE: i32 = 24;

/// Latency by percentile, from the median's side to as far as the sample bears.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PercentileCurve {
    /// Number of samples.
    pub count: u64,
    /// The points, in order of quantile. The last has ten samples beyond it.
    pub points: Vec<PercentilePoint>,
    /// The longest latency, in nanoseconds.
    pub max_ns: Option<u64>,
}

/// One point of a [`PercentileCurve`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentilePoint {
    /// The quantile, 0 to 1.
    pub quantile: f64,
    /// The latency there, in nanoseconds.
    pub value_ns: u64,
}

impl PercentileCurve {
    /// Reads the curve off a histogram, evenly on the axis of `1 / (1 - quantile)`.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let ordered = OrderStatistics::of(histogram);
        let count = ordered.count();
        let points = (0..)
            .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(POINTS_A_DECADE)))
            .take_while(|quantile| samples_beyond(count, *quantile) >= SAMPLES_BEYOND)
            .filter_map(|quantile| {
                Some(PercentilePoint {
                    quantile,
                    value_ns: ordered.raw_quantile(quantile)?,
                })
            })
            .collect();
        Self {
            count,
            points,
            max_ns: (count > 0).then(|| histogram.max()),
        }
    }

    /// Returns the latency at a quantile, as far as the sample bears it.
    pub fn at(&self, quantile: f64) -> Option<u64> {
        let index = self
            .points
            .iter()
            .position(|point| point.quantile >= quantile - 1e-9)?;
        self.points.get(index).map(|point| point.value_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_ends_where_ten_samples_lie_beyond() {
        let mut histogram = tenfold_run_dir::interval_log::histogram();
        for value in 1..=100_000_u64 {
            histogram.record(value).unwrap();
        }
        let curve = PercentileCurve::of(&histogram);
        let last = curve.points.last().unwrap();
        assert!((last.quantile - 0.9999).abs() < 1e-9, "{last:?}");
        // Values are told apart to three digits.
        assert!(curve.at(0.99).unwrap().abs_diff(99_000) < 99);
        assert!(
            curve
                .points
                .windows(2)
                .all(|pair| pair[0].value_ns <= pair[1].value_ns)
        );
    }

    #[test]
    fn nothing_makes_no_curve() {
        let curve = PercentileCurve::of(&tenfold_run_dir::interval_log::histogram());
        assert!(curve.points.is_empty() && curve.max_ns.is_none());
    }
}
