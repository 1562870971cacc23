//! Lines, areas, and the shade of the warm-up.

use plotters::prelude::*;
use tenfold_analysis::PhaseBand;

use crate::chart::plot::{DrawError, Ink, Plane};

/// Draws a line through points. The line breaks at `None`.
pub(crate) fn line(
    plane: &mut Plane<'_, '_>,
    ink: Ink,
    width: u32,
    points: impl IntoIterator<Item = Option<(f64, f64)>>,
) -> Result<(), DrawError> {
    let style = ink.placeholder().stroke_width(width);
    let points: Vec<Option<(f64, f64)>> = points.into_iter().collect();
    for stretch in points.split(Option::is_none) {
        let stretch: Vec<(f64, f64)> = stretch.iter().flatten().copied().collect();
        match stretch.as_slice() {
            [] => {}
            // A line through a single point is invisible.
            [alone] => {
                plane.draw_series([Circle::new(*alone, width + 1, ink.placeholder().filled())])?;
            }
            _ => {
                plane.draw_series(LineSeries::new(stretch.iter().copied(), style))?;
            }
        }
    }
    Ok(())
}

/// Fills the area between two lines over the same points.
pub(crate) fn between(
    plane: &mut Plane<'_, '_>,
    ink: Ink,
    opacity: f64,
    upper: &[(f64, f64)],
    lower: &[(f64, f64)],
) -> Result<(), DrawError> {
    let outline: Vec<(f64, f64)> = upper.iter().chain(lower.iter().rev()).copied().collect();
    if outline.len() > 2 {
        plane.draw_series([Polygon::new(
            outline,
            ink.placeholder().mix(opacity).filled(),
        )])?;
    }
    Ok(())
}

/// Shades the warm-up.
pub(crate) fn shade_warm_up(
    plane: &mut Plane<'_, '_>,
    phases: &[PhaseBand],
    (low, high): (f64, f64),
    end_s: f64,
) -> Result<(), DrawError> {
    let bands = phases
        .iter()
        .filter(|phase| phase.warm_up && phase.start_s < end_s)
        .map(|phase| {
            let corners = [(phase.start_s, low), (phase.end_s.min(end_s), high)];
            Rectangle::new(corners, Ink::Shade.placeholder().filled())
        });
    plane.draw_series(bands)?;
    Ok(())
}
