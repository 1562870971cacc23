//! Heat map of response time over time.

use plotters::prelude::*;
use tenfold_analysis::{Charts, format};

use crate::chart::axis::Axis;
use crate::chart::line::shade_warm_up;
use crate::chart::plot::{Description, Ink, plot};

/// Draws the heat map. `None` without responses.
pub(crate) fn heat_map(charts: &Charts) -> Option<String> {
    let map = &charts.heat_map;
    let (low, high) = (*map.bounds_ns.first()?, *map.bounds_ns.last()?);
    let end = map.columns.len() as f64 * map.column_s;
    let description = Description {
        id: "heat".to_owned(),
        title: "Response time over time".to_owned(),
        text: format!(
            "Each column is {} s of the run, each row a range of response time; the stronger its colour, \
             the more responses, up to {}.",
            format::significant(map.column_s),
            format::count(map.count_max)
        ),
        at: (0..map.columns.len())
            .map(|column| (column as f64 + 0.5) * map.column_s)
            .collect(),
    };
    Some(plot(
        &description,
        |size| {
            let time = Axis::time(0.0, end, if size.narrow { 4 } else { 12 });
            (time, Axis::latency(low, high))
        },
        |plane, _| {
            shade_warm_up(plane, &charts.phases, (low.log10(), high.log10()), end)?;
            let cells = map.columns.iter().enumerate().flat_map(|(column, counts)| {
                let start = column as f64 * map.column_s;
                counts
                    .iter()
                    .enumerate()
                    .filter(|(_, count)| **count > 0)
                    .map(move |(row, count)| {
                        let corners = [
                            (start, map.bounds_ns[row].log10()),
                            (start + map.column_s, map.bounds_ns[row + 1].log10()),
                        ];
                        // A few responses among many must stay visible: they are the tail.
                        let weight = (*count as f64).ln_1p() / (map.count_max as f64).ln_1p();
                        let ink = Ink::Heat.placeholder().mix(0.14 + 0.86 * weight);
                        Rectangle::new(corners, ink.filled())
                    })
            });
            plane.draw_series(cells)?;
            Ok(())
        },
    ))
}
