//! Share of the load on the most popular keys, measured and in theory.

use plotters::prelude::*;
use tenfold_analysis::{HotKeys, format};

use crate::chart::axis::Axis;
use crate::chart::line::line;
use crate::chart::plot::{Description, Ink, plot};

/// Draws the shares of the most popular keys: bars as measured, a line in theory. `None` without shares.
pub(crate) fn hot_keys(keys: &HotKeys, id: String) -> Option<String> {
    if keys.shares.is_empty() {
        return None;
    }
    let description = Description {
        id,
        title: format!("Load on the most popular keys of {}", keys.key_space),
        text: "Bars are the measured shares of the most popular 1, 10, 100 and so on; the dashed \
               line is theory."
            .to_owned(),
        at: (0..keys.shares.len()).map(|place| place as f64).collect(),
    };
    let axes = |_| {
        let ticks = keys.shares.iter().enumerate();
        let x = Axis {
            name: "most popular keys".to_owned(),
            low: -0.6,
            high: keys.shares.len() as f64 - 0.4,
            ticks: ticks
                .map(|(place, share)| (place as f64, short_count(share.top)))
                .collect(),
        };
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let mut y = Axis::count("share", 1.0, 5, percent);
        y.high = 1.04;
        (x, y)
    };
    Some(plot(&description, axes, |plane, _| {
        plane.draw_series(keys.shares.iter().enumerate().map(|(place, share)| {
            let corners = [
                (place as f64 - 0.28, 0.0),
                (place as f64 + 0.28, share.measured),
            ];
            Rectangle::new(corners, Ink::Reads.placeholder().mix(0.75).filled())
        }))?;
        let theory = keys.shares.iter().enumerate();
        let theory = theory.map(|(place, share)| share.theory.map(|share| (place as f64, share)));
        line(plane, Ink::Writes, 2, theory)
    }))
}

fn short_count(number: u64) -> String {
    match number {
        n if n >= 1_000_000 && n.is_multiple_of(1_000_000) => format!("{}M", n / 1_000_000),
        n if n >= 1_000 && n.is_multiple_of(1_000) => format!("{}k", n / 1_000),
        n => format::count(n),
    }
}
