//! A history on a terminal.

use std::fmt::Write as _;

use tenfold_analysis::history::{Problem, Trends};

use crate::gate::figures::NOTHING;
use crate::history::sentence;
use crate::terminal::clean;
use crate::terminal::paint::{Paint, Shade};
use crate::terminal::table::Table;

/// Renders a line for each metric of a history, then its changes, with ANSI colours where asked for.
pub fn render(trends: &Trends, problems: &[Problem], color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    let mut table = Table::new(&[
        "metric",
        "values",
        "first",
        "last",
        "changes",
        "last change",
    ]);
    for trend in &trends.trends {
        let value = |value: Option<f64>| {
            value.map_or_else(
                || NOTHING.to_owned(),
                |value| clean(&sentence::value(trend, value)),
            )
        };
        let last = trend.changes.last();
        table.row(vec![
            clean(&sentence::title(trend)),
            trend.points.len().to_string(),
            value(trend.points.first().map(|point| point.value)),
            value(trend.points.last().map(|point| point.value)),
            match &trend.too_short {
                Some(_) => "too short".to_owned(),
                None => trend.changes.len().to_string(),
            },
            last.map_or_else(
                || NOTHING.to_owned(),
                |change| tenfold_analysis::words::change(change.change),
            ),
        ]);
    }
    if !trends.trends.is_empty() {
        let _ = writeln!(out, "{}", table.render());
    }
    for trend in &trends.trends {
        let name = clean(&sentence::title(trend));
        for change in &trend.changes {
            let shade = if change.change > 0.0 {
                Shade::Red
            } else {
                Shade::Green
            };
            let said = clean(&sentence::change(trend, change));
            let _ = writeln!(out, "  {name}: {}", paint.with(shade, &said));
        }
        for remark in sentence::remarks(trend) {
            let _ = writeln!(out, "  {name}: {}", paint.with(Shade::Dim, &remark));
        }
    }
    for problem in problems {
        let _ = writeln!(
            out,
            "  {}",
            paint.with(Shade::Yellow, &clean(&problem.to_string()))
        );
    }
    let _ = writeln!(out, "{}", sentence::lead(trends));
    out
}
