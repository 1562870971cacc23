//! Curves over two logarithmic axes.

use plotters::prelude::*;

use crate::chart::axis::Axis;
use crate::chart::line::line;
use crate::chart::plot::{Description, Ink, plot};

/// Draws curves over two logarithmic axes, with a dot at each point. `None` without points.
pub(crate) fn curves(
    description: &Description,
    x_name: &str,
    y_name: &str,
    curves: &[(&[(f64, f64)], Ink)],
) -> Option<String> {
    let placed = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let shown = points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0);
        shown
            .map(|(x, y)| (x.log10(), y.log10()))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect()
    };
    let all: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|(points, _)| placed(points))
        .collect();
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of);
        Some((
            values().min_by(f64::total_cmp)?,
            values().max_by(f64::total_cmp)?,
        ))
    };
    let (x, y) = (range(|point| point.0)?, range(|point| point.1)?);
    Some(plot(
        description,
        |_| (Axis::logarithmic(x_name, x), Axis::logarithmic(y_name, y)),
        |plane, _| {
            for (points, ink) in curves.iter().rev() {
                let points = placed(points);
                line(plane, *ink, 2, points.iter().copied().map(Some))?;
                let dots = points
                    .iter()
                    .map(|at| Circle::new(*at, 4, ink.placeholder().filled()));
                plane.draw_series(dots)?;
            }
            Ok(())
        },
    ))
}
