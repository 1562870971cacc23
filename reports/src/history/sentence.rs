//! The sentences of a history.

use tenfold_analysis::format;
use tenfold_analysis::history::{EntryKind, Trend, TrendChange, Trends};

use crate::gate::figures;

/// Returns the number of changes and of series.
pub(super) fn lead(trends: &Trends) -> String {
    let all = trends.trends.len();
    let changes: usize = trends.trends.iter().map(|trend| trend.changes.len()).sum();
    let short = trends
        .trends
        .iter()
        .filter(|trend| trend.too_short.is_some());
    let short = match short.count() {
        0 => String::new(),
        count if count == all => return "The history is too short to detect a change.".to_owned(),
        count => format!("; {} are too short", format::count(count as u64)),
    };
    let changed = match changes {
        0 => "No change".to_owned(),
        1 => "1 change".to_owned(),
        several => format!("{} changes", format::count(several as u64)),
    };
    format!("{changed} in {} series{short}.", format::count(all as u64))
}

/// Names a series.
pub(super) fn title(trend: &Trend) -> String {
    let kind = match trend.kind {
        EntryKind::Gate => "gates",
        EntryKind::Run => "runs",
    };
    let machine = match trend.machine.as_str() {
        "" => String::new(),
        machine => format!(" on {machine}"),
    };
    format!("{}, {}: {kind}{machine}", trend.scenario, trend.metric)
}

/// Formats a value of a series.
pub(super) fn value(trend: &Trend, value: f64) -> String {
    figures::value(&trend.unit, value)
}

/// Returns the revisions around a change: the last before it, and the first with it.
pub(super) fn revision(change: &TrendChange) -> String {
    let shortened = |revision: &String| revision.chars().take(12).collect::<String>();
    let at = match &change.revision {
        Some(revision) => shortened(revision),
        None => change.label.clone(),
    };
    match &change.revision_before {
        Some(before) if Some(before) != change.revision.as_ref() => {
            format!("{}..{at}", shortened(before))
        }
        _ => at,
    }
}

/// Returns the figures, probability and time of a change in a line.
pub(super) fn change(trend: &Trend, change: &TrendChange) -> String {
    format!(
        "{} (median {} to {}), p = {:.3}, at {}, entry {} of {}, {}",
        format::change(change.change),
        value(trend, change.before),
        value(trend, change.after),
        change.p_value,
        revision(change),
        change.index + 1,
        trend.points.len(),
        change.at
    )
}

/// Reports a series that is too short, and values that are left out.
pub(super) fn remarks(trend: &Trend) -> Vec<String> {
    let left_out = match trend.left_out {
        0 => None,
        1 => Some("1 value that is not above 0 is left out".to_owned()),
        several => Some(format!(
            "{} values that are not above 0 are left out",
            format::count(several as u64)
        )),
    };
    trend.too_short.iter().cloned().chain(left_out).collect()
}
