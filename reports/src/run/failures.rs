//! Failures over time.

use tenfold_analysis::{Charts, format};

use crate::chart::{self, Ink};
use crate::document::{Chart, Section, Table};

/// Inks of the kinds, the most frequent first.
const INKS: [Ink; 6] = [
    Ink::Response,
    Ink::Service,
    Ink::Writes,
    Ink::Unlagged,
    Ink::Lag,
    Ink::Offered,
];

/// Returns failures over time by class and status. `None` without failures.
pub(super) fn failures(charts: &Charts) -> Option<Section> {
    let failures = &charts.failures;
    if failures.kinds.is_empty() {
        return None;
    }
    let names = failures.kinds.iter().map(|kind| kind.name.as_str());
    let head: Vec<&str> = ["at"].into_iter().chain(names.clone()).collect();
    let rows = failures.at_s.iter().enumerate().map(|(bin, at)| {
        let cells = failures
            .kinds
            .iter()
            .map(|kind| format::rate(kind.per_s[bin]));
        let at = format!("{} s", format::significant(*at));
        [at].into_iter().chain(cells).collect()
    });
    let totals = failures.kinds.iter().map(|kind| {
        let count = format::count(kind.count);
        format!("{} × {count}", kind.name)
    });
    let totals: Vec<String> = totals.collect();
    let legend: Vec<(Ink, &str)> = INKS.into_iter().zip(names).collect();
    let lead = format!(
        "Failed requests by class and status, and dropped arrivals, at the time at which they ended; warm-up included: {}.",
        totals.join(", ")
    );
    let chart = Chart::block(
        chart::failures(charts, &INKS),
        &legend,
        Table::new(&head, rows),
    );
    Some(Section::new(
        "failures-over-time",
        "Failures over time",
        lead,
        vec![chart],
    ))
}
