//! Latency by percentile.

use tenfold_analysis::PercentileCurve;

use crate::chart::axis::{Axis, percentile_position};
use crate::chart::line::{between, line};
use crate::chart::plot::{Description, Ink, plot};

/// Draws curves of latency by percentile. If `fill` is set, fills the space between the first two. `None` without
/// points.
pub(crate) fn percentiles(
    description: &Description,
    curves: &[(&PercentileCurve, Ink)],
    fill: bool,
) -> Option<String> {
    let points = || curves.iter().flat_map(|(curve, _)| &curve.points);
    let farthest = points()
        .map(|point| point.quantile)
        .max_by(f64::total_cmp)?;
    let low = points().map(|point| point.value_ns).min()? as f64;
    let high = points().map(|point| point.value_ns).max()? as f64;
    let placed = |curve: &PercentileCurve| -> Vec<(f64, f64)> {
        let place = |q: f64, ns: u64| (percentile_position(q), (ns.max(1) as f64).log10());
        curve
            .points
            .iter()
            .map(|point| place(point.quantile, point.value_ns))
            .collect()
    };
    Some(plot(
        description,
        |size| {
            (
                Axis::percentiles(farthest, size.narrow),
                Axis::latency(low, high),
            )
        },
        |plane, _| {
            if let (true, [(upper, ink), (lower, _), ..]) = (fill, curves) {
                let (upper, lower) = (placed(upper), placed(lower));
                let shared = upper.len().min(lower.len());
                between(plane, *ink, 0.14, &upper[..shared], &lower[..shared])?;
            }
            for (curve, ink) in curves.iter().rev() {
                line(plane, *ink, 2, placed(curve).into_iter().map(Some))?;
            }
            Ok(())
        },
    ))
}
