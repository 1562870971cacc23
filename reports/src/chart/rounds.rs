//! A metric of both builds, round by round.

use plotters::prelude::*;
use tenfold_analysis::gate::Pair;

use crate::chart::axis::Axis;
use crate::chart::plot::{Description, Ink, plot};

/// Draws a metric of both builds, a pair of dots for each round that tells it: hollow of the baseline,
/// filled of the candidate. Rounds before which the builds were started anew begin at a line. Nothing
/// where no round tells the metric.
pub(crate) fn rounds(
    description: &Description,
    pairs: &[Option<Pair<f64>>],
    restarts: &[usize],
    say: impl Fn(f64) -> String,
) -> Option<String> {
    let told = || {
        let finite = |pair: &Pair<f64>| pair.baseline.is_finite() && pair.candidate.is_finite();
        let each = pairs.iter().enumerate();
        each.filter_map(move |(round, pair)| Some((round as f64 + 1.0, (*pair).filter(finite)?)))
    };
    let values = || told().flat_map(|(_, pair)| [pair.baseline, pair.candidate]);
    let low = values().min_by(f64::total_cmp)?;
    let high = values().max_by(f64::total_cmp)?;
    let axes = |size: crate::chart::plot::Size| {
        let most = if size.narrow { 4 } else { 12 };
        (
            Axis::numbered("round", pairs.len(), most),
            Axis::between("", low, high, 5, &say),
        )
    };
    Some(plot(description, axes, |plane, size| {
        let (bottom, top) = (plane.y_range().start, plane.y_range().end);
        let starts = restarts.iter().filter(|round| **round > 0);
        plane.draw_series(starts.map(|round| {
            let at = *round as f64 + 0.5;
            PathElement::new(
                vec![(at, bottom), (at, top)],
                Ink::Lag.stand_in().stroke_width(1),
            )
        }))?;
        plane.draw_series(told().map(|(round, pair)| {
            let ends = vec![(round, pair.baseline), (round, pair.candidate)];
            PathElement::new(ends, Ink::Grid.stand_in().stroke_width(2))
        }))?;
        let radius = if size.narrow { 3 } else { 4 };
        plane.draw_series(told().map(|(round, pair)| {
            let ink = Ink::Reads.stand_in().stroke_width(2);
            Circle::new((round, pair.baseline), radius, ink)
        }))?;
        plane.draw_series(told().map(|(round, pair)| {
            let ink = Ink::Response.stand_in().filled();
            Circle::new((round, pair.candidate), radius, ink)
        }))?;
        Ok(())
    }))
}
