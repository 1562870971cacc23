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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::verdict::MeasurementVerdict::{self, Invalid, Suspect};
    use crate::verdict::brief_run;

    fn part(run: &Run, path: &str, measurement: &str, started_at: &str) -> Part {
        Part {
            path: path.to_owned(),
            seed: 1,
            started_at: started_at.to_owned(),
            host: run.manifest.host.clone(),
            tool: run.manifest.tool.clone(),
            sent: 1,
            measurement: measurement.to_owned(),
            reasons: vec!["it was late".to_owned(), "it was busy".to_owned()],
            lag_p99_ns: None,
            peak_cores_used: None,
            saturated_seconds: 0,
            interrupted: None,
        }
    }

    #[test]
    fn parts_pass_on_their_verdicts() {
        let mut run = brief_run();
        assert!(parts(&run).is_empty());
        let started = run.manifest.started_at.clone();
        let verdicts = ["valid", "suspect", "invalid", "of a later version"];
        run.manifest.merged_from = verdicts
            .map(|verdict| part(&run, verdict, verdict, &started))
            .to_vec();
        run.manifest.merged_from[0].interrupted = Some("Ctrl-C".to_owned());
        let objections: Vec<(MeasurementVerdict, String)> = parts(&run)
            .into_iter()
            .map(|objection| (objection.grade, objection.reason))
            .collect();
        let expected = [
            (
                Suspect,
                "generator 1 of 4 (valid) ended early (Ctrl-C); its share of the load was missing after that",
            ),
            (
                Suspect,
                "generator 2 of 4 (suspect) is suspect: it was late; it was busy",
            ),
            (
                Invalid,
                "generator 3 of 4 (invalid) is invalid: it was late; it was busy",
            ),
            (
                Invalid,
                "generator 4 of 4 (of a later version) is invalid: it was late; it was busy",
            ),
        ];
        assert_eq!(
            objections,
            expected.map(|(grade, reason)| (grade, reason.to_owned()))
        );
    }

    #[test]
    fn starts_more_than_two_seconds_apart_are_suspect() {
        let mut run = brief_run();
        assert!(not_together(&run).is_none());
        for (second, is_suspect) in [("00", false), ("02", false), ("03", true)] {
            let started = format!("2026-01-01T00:00:{second}Z");
            run.manifest.merged_from = vec![
                part(&run, "0", "valid", &run.manifest.started_at),
                part(&run, "1", "valid", &started),
            ];
            let objection = not_together(&run);
            assert_eq!(objection.is_some(), is_suspect, "{second}");
            assert!(objection.is_none_or(|objection| objection.grade == Suspect));
        }
    }

    #[test]
    fn seconds_apart_need_two_timestamps() {
        let (one, other) = ("2026-01-01T00:00:00Z", "2025-12-31T23:59:00Z");
        assert_eq!(seconds_apart(one, other), Some(60));
        assert_eq!(seconds_apart(other, one), Some(60));
        assert_eq!(seconds_apart("yesterday", one), None);
        assert_eq!(seconds_apart(one, ""), None);
    }
}
