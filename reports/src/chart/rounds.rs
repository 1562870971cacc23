//! A metric of both builds, round by round.

use plotters::prelude::*;
use tenfold_analysis::gate::Pair;

use crate::chart::axis::Axis;
use crate::chart::plot::{Description, Ink, plot};

/// Draws a metric of both builds: for each round a hollow dot for the baseline, and a filled one for the candidate.
/// Vertical lines mark restarts. `None` if no round has the metric.
pub(crate) fn rounds(
    description: &Description,
    pairs: &[Option<Pair<f64>>],
    restarts: &[usize],
    format: impl Fn(f64) -> String,
) -> Option<String> {
    let measured = || {
        let finite = |pair: &Pair<f64>| pair.baseline.is_finite() && pair.candidate.is_finite();
        let each = pairs.iter().enumerate();
        each.filter_map(move |(round, pair)| Some((round as f64 + 1.0, (*pair).filter(finite)?)))
    };
    let values = || measured().flat_map(|(_, pair)| [pair.baseline, pair.candidate]);
    let low = values().min_by(f64::total_cmp)?;
    let high = values().max_by(f64::total_cmp)?;
    let axes = |size: crate::chart::plot::Size| {
        let ticks_max = if size.narrow { 4 } else { 12 };
        (
            Axis::numbered("round", pairs.len(), ticks_max),
            Axis::between("", low, high, 5, &format),
        )
    };
    Some(plot(description, axes, |plane, size| {
        let (bottom, top) = (plane.y_range().start, plane.y_range().end);
        let starts = restarts.iter().filter(|round| **round > 0);
        plane.draw_series(starts.map(|round| {
            let at = *round as f64 + 0.5;
            PathElement::new(
                vec![(at, bottom), (at, top)],
                Ink::Lag.placeholder().stroke_width(1),
            )
        }))?;
        plane.draw_series(measured().map(|(round, pair)| {
            let ends = vec![(round, pair.baseline), (round, pair.candidate)];
            PathElement::new(ends, Ink::Grid.placeholder().stroke_width(2))
        }))?;
        let radius = if size.narrow { 3 } else { 4 };
        plane.draw_series(measured().map(|(round, pair)| {
            let ink = Ink::Reads.placeholder().stroke_width(2);
            Circle::new((round, pair.baseline), radius, ink)
        }))?;
        plane.draw_series(measured().map(|(round, pair)| {
            let ink = Ink::Response.placeholder().filled();
            Circle::new((round, pair.candidate), radius, ink)
        }))?;
        Ok(())
    }))
}
