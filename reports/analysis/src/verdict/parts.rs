//! Objections to the parts of a merged run.

use tenfold_run_dir::Run;
use tenfold_run_dir::manifest::Part;

use crate::verdict::objection::{Objection, invalid, suspect};

/// Passes on the objections to each part, because a merged measurement is only as good as its worst part.
pub(super) fn parts(run: &Run) -> Vec<Objection> {
    let parts = &run.manifest.merged_from;
    let of = parts.len();
    let mut objections = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let who = format!("generator {} of {of} ({})", index + 1, part.path);
        let why = part.reasons.join("; ");
        match part.measurement.as_str() {
            "valid" => {}
            "suspect" => objections.extend(suspect(format!("{who} is suspect: {why}"))),
            _ => objections.extend(invalid(format!("{who} is invalid: {why}"))),
        }
        if let Some(by) = &part.interrupted {
            objections.extend(suspect(format!(
                "{who} ended early ({by}); its share of the load was missing after that"
            )));
        }
    }
    objections
}

/// Maximum difference between the starts of the generators: rows of a time line are one second long.
const START_DIFFERENCE_S_MAX: u64 = 2;

/// Objects to generators that started apart: a merge adds rows by the time since the start of each.
pub(super) fn not_together(run: &Run) -> Option<Objection> {
    let parts = &run.manifest.merged_from;
    let began = |part: &Part| seconds_apart(&run.manifest.started_at, &part.started_at);
    let apart = parts.iter().filter_map(began).max()?;
    if apart <= START_DIFFERENCE_S_MAX {
        return None;
    }
    suspect(format!(
        "the generators started {apart} s apart, so their loads overlapped only in part"
    ))
}

/// Returns the seconds between two start times, by the clocks of their hosts. `None` if one is not a valid
/// timestamp.
pub(crate) fn seconds_apart(one: &str, other: &str) -> Option<u64> {
    let second = |at: &str| at.parse().map(jiff::Timestamp::as_second).ok();
    Some(second(one)?.abs_diff(second(other)?))
}
