//! Objections from the runs that a merged run is made of.

use tenfold_run_dir::Run;
use tenfold_run_dir::manifest::Part;

use crate::verdict::objection::{Objection, invalid, suspect};

/// A merged measurement is as bad as its worst part: a generator that was late does not come to be on
/// time for being one of many.
pub(super) fn parts(run: &Run) -> Vec<Objection> {
    let parts = &run.manifest.merged_from;
    let of = parts.len();
    let mut objections = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let who = format!("generator {} of {of} ({})", index + 1, part.path);
        let why = part.reasons.join("; ");
        match part.measurement.as_str() {
            "valid" => {}
            "suspect" => objections.extend(suspect(format!("{who} by itself is suspect: {why}"))),
            _ => objections.extend(invalid(format!("{who} by itself is invalid: {why}"))),
        }
        if let Some(by) = &part.interrupted {
            objections.extend(suspect(format!(
                "{who} ended early ({by}), and its share of the load was missing from then on"
            )));
        }
    }
    objections
}

/// Seconds that generators may begin apart: the rows of their time lines are a second long.
const MOST_APART_S: u64 = 2;

/// Rows are added by the time since each generator's own beginning.
pub(super) fn not_together(run: &Run) -> Option<Objection> {
    let parts = &run.manifest.merged_from;
    let began = |part: &Part| seconds_apart(&run.manifest.started_at, &part.started_at);
    let apart = parts.iter().filter_map(began).max()?;
    if apart <= MOST_APART_S {
        return None;
    }
    suspect(format!(
        "the generators began {apart} s apart, so that the merged load was offered at once only in part"
    ))
}

/// How many seconds apart two runs began, by their own clocks; none where one does not tell.
pub(crate) fn seconds_apart(one: &str, other: &str) -> Option<u64> {
    let second = |at: &str| at.parse().map(jiff::Timestamp::as_second).ok();
    Some(second(one)?.abs_diff(second(other)?))
}
