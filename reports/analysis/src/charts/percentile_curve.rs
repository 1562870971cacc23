//! Latency by percentile.

use hdrhistogram::Histogram;

use tenfold_stats::{OrderStatistics, SAMPLES_BEYOND, samples_beyond};

/// Points for each factor of ten in `1 / (1 - quantile)`.
const POINTS_PER_DECADE: i32 = 24;

/// Latency by percentile, up to the highest percentile that the sample supports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PercentileCurve {
    /// Number of samples.
    pub count: u64,
    /// Points, in order of quantile. The last one has at least ten samples beyond it.
    pub points: Vec<PercentilePoint>,
    /// Maximum latency, in nanoseconds.
    pub max_ns: Option<u64>,
}

/// One point of a [`PercentileCurve`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentilePoint {
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// Latency at the quantile, in nanoseconds.
    pub value_ns: u64,
}

impl PercentileCurve {
    /// Computes the curve of a histogram, at points evenly spaced on a logarithmic axis of
    /// `1 / (1 - quantile)`.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let ordered = OrderStatistics::of(histogram);
        let count = ordered.count();
        let points = (0..)
            .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(POINTS_PER_DECADE)))
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

    /// Returns the latency at a quantile. `None` beyond the last point.
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
    fn curve_ends_ten_samples_before_maximum() {
        let mut histogram = tenfold_run_dir::latency_histogram();
        for value in 1..=100_000_u64 {
            histogram.record(value).unwrap();
        }
        let curve = PercentileCurve::of(&histogram);
        let last = curve.points.last().unwrap();
        assert!((last.quantile - 0.9999).abs() < 1e-9, "{last:?}");
        // The histogram resolves three digits.
        assert!(curve.at(0.99).unwrap().abs_diff(99_000) < 99);
        assert!(
            curve
                .points
                .windows(2)
                .all(|pair| pair[0].value_ns <= pair[1].value_ns)
        );
    }

    #[test]
    fn empty_histogram_has_no_points() {
        let curve = PercentileCurve::of(&tenfold_run_dir::latency_histogram());
        assert!(curve.points.is_empty() && curve.max_ns.is_none());
    }
}
