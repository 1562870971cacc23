//! A metric over a history, with its levels and changes.

use plotters::prelude::*;
use tenfold_analysis::history::Trend;

use crate::chart::axis::Axis;
use crate::chart::line::line;
use crate::chart::plot::{Description, Ink, Size, plot};

/// Draws a metric over a history: values as dots, the median of each level as a line, and changes as vertical
/// lines. `None` without values.
pub(crate) fn trend(
    description: &Description,
    trend: &Trend,
    format: impl Fn(f64) -> String,
) -> Option<String> {
    let values = || trend.points.iter().map(|point| point.value);
    let low = values().min_by(f64::total_cmp)?;
    let high = values().max_by(f64::total_cmp)?;
    let axes = |size: Size| {
        let ticks_max = if size.narrow { 4 } else { 12 };
        (
            Axis::numbered("entry", trend.points.len(), ticks_max),
            Axis::between("", low, high, 5, &format),
        )
    };
    let place = |index: usize| index as f64 + 1.0;
    Some(plot(description, axes, |plane, size| {
        let (bottom, top) = (plane.y_range().start, plane.y_range().end);
        for change in &trend.changes {
            let at = place(change.index) - 0.5;
            line(plane, Ink::Lost, 2, [Some((at, bottom)), Some((at, top))])?;
        }
        let points = trend.points.iter().enumerate();
        let points: Vec<(f64, f64)> = points
            .map(|(index, point)| (place(index), point.value))
            .collect();
        line(plane, Ink::Grid, 1, points.iter().copied().map(Some))?;
        for (from, to, level) in levels(trend) {
            let ends = [(place(from) - 0.4, level), (place(to) - 0.6, level)];
            line(plane, Ink::Achieved, 2, ends.map(Some))?;
        }
        let radius = if size.narrow { 3 } else { 4 };
        let dots = points.iter().map(|at| {
            let ink = Ink::Response.placeholder().filled();
            Circle::new(*at, radius, ink)
        });
        plane.draw_series(dots)?;
        Ok(())
    }))
}

/// Returns the levels between changes: first index, index after the last, and median.
fn levels(trend: &Trend) -> Vec<(usize, usize, f64)> {
    let mut levels = Vec::new();
    let mut from = 0;
    for change in &trend.changes {
        levels.push((from, change.index, change.before));
        from = change.index;
    }
    if let Some(last) = trend.changes.last() {
        levels.push((from, trend.points.len(), last.after));
    }
    levels
}
