//! Objections to the parts of a merged run.

use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{GeneratorRecord, Run};

use crate::format;
use crate::summary::Summary;
use crate::verdict::objection::{Objection, invalid, suspect};

/// Passes on the objections to each part, because a merged measurement is only as good as its worst part.
pub(super) fn parts(run: &Run, summary: &Summary) -> Vec<Objection> {
    let parts = &summary.merged_from;
    let is_merged = !run.manifest.merged_from.is_empty();
    let mut objections = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let who = match run.generators.get(index) {
            Some(own) if !is_merged => name(run, own.number),
            _ => format!("generator {} of {} ({})", index + 1, parts.len(), part.path),
        };
        let why = part.reasons.join("; ");
        match part.measurement.as_str() {
            "valid" => {}
            "suspect" => objections.extend(suspect(format!("{who} is suspect: {why}"))),
            _ => objections.extend(invalid(format!("{who} is invalid: {why}"))),
        }
        // Generators of one run end together. If one does not, its share is judged.
        if let Some(by) = part.interrupted.as_ref().filter(|_| is_merged) {
            objections.extend(suspect(format!(
                "{who} ended early ({by}); its share of the load was missing after that"
            )));
        }
    }
    objections
}

/// Names one generator of a run with several.
pub(super) fn name(run: &Run, number: u32) -> String {
    let of = format!("generator {number} of {}", run.manifest.generators);
    match run.agents.of_generator(number) {
        Some(agent) => format!("agent {} ({of})", agent.name),
        None => of,
    }
}

/// Missing share of the arrivals above which the measurement is invalid, as for a generator that can't send fast enough.
const MISSING_SHARE_MAX: f64 = 0.01;

/// Objects to generators that ended before the others: the rest of their arrivals was not sent.
///
/// Each generator plans about the same number of arrivals, so those that completed show how many the others have missed.
pub(super) fn missing_share(run: &Run) -> Option<Objection> {
    if run.manifest.generators <= 1 {
        return None;
    }
    let completed = |own: &&GeneratorRecord| own.counts.interrupted.is_none();
    let stopped = |own: &&GeneratorRecord| !is_lost(own);
    // If the others were ordered to stop, they have missed nothing until then.
    let kept: Vec<&GeneratorRecord> = match run.generators.iter().any(|own| completed(&own)) {
        true => run.generators.iter().filter(completed).collect(),
        false => run.generators.iter().filter(stopped).collect(),
    };
    let lost: Vec<u32> = (1..=run.manifest.generators)
        .filter(|number| !kept.iter().any(|own| own.number == *number))
        .collect();
    if kept.is_empty() || lost.is_empty() {
        return None;
    }
    let complete: Vec<u64> = kept.into_iter().map(planned).collect();
    let each = complete.iter().sum::<u64>() as f64 / complete.len() as f64;
    let all: u64 = run.generators.iter().map(planned).sum();
    let missing =
        (1.0 - all as f64 / (each * f64::from(run.manifest.generators)).max(1.0)).max(0.0);
    let ended = lost.iter().map(|number| {
        let record = run.generators.iter().find(|own| own.number == *number);
        let by = record.and_then(|own| own.counts.interrupted.as_deref());
        let by = by.unwrap_or("it left no record");
        format!("{} ended before the others ({by})", name(run, *number))
    });
    let ended = ended.collect::<Vec<_>>().join("; ");
    let reason = format!(
        "{ended}; about {} of all arrivals were not sent or not recorded",
        format::percent(missing)
    );
    match missing > MISSING_SHARE_MAX {
        true => invalid(reason),
        false => suspect(reason),
    }
}

/// Returns whether a generator ended without completing its record, or could not be reached until the end.
fn is_lost(record: &GeneratorRecord) -> bool {
    let counts = &record.counts;
    counts.lost || (counts.interrupted.is_some() && counts.checkpoint.is_some())
}

/// Returns the arrivals that were due at a generator.
fn planned(record: &GeneratorRecord) -> u64 {
    record
        .counts
        .phases
        .iter()
        .flatten()
        .map(|counts| counts.planned)
        .sum()
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
    use tenfold_run_dir::counts::RequestCounts;

    use super::*;
    use crate::summarise;
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
            cores_used_by_others: None,
            cores_stolen: None,
            interrupted: None,
        }
    }

    #[test]
    fn parts_pass_on_their_verdicts() {
        let mut run = brief_run();
        assert!(parts(&run, &summarise(&run)).is_empty());
        let started = run.manifest.started_at.clone();
        let verdicts = ["valid", "suspect", "invalid", "of a later version"];
        run.manifest.merged_from = verdicts
            .map(|verdict| part(&run, verdict, verdict, &started))
            .to_vec();
        run.manifest.merged_from[0].interrupted = Some("Ctrl-C".to_owned());
        let objections: Vec<(MeasurementVerdict, String)> = parts(&run, &summarise(&run))
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

    /// A run whose requests two of its generators have sent, of `started`.
    fn shared_run(started: u32, planned: [u64; 2], second: Option<&str>) -> Run {
        let mut run = brief_run();
        run.manifest.generators = started;
        run.generators = [(1, planned[0], None), (2, planned[1], second)]
            .map(|(number, planned, interrupted)| {
                let mut counts = run.counts.clone();
                for own in counts.phases.iter_mut().flatten() {
                    *own = RequestCounts::default();
                }
                counts.phases[0][0].planned = planned;
                counts.interrupted = interrupted.map(str::to_owned);
                GeneratorRecord {
                    number,
                    counts,
                    timeline: run.timeline.clone(),
                    latencies: run.latencies.clone(),
                    host: Default::default(),
                }
            })
            .to_vec();
        run
    }

    #[test]
    fn missing_share_decides_by_its_size() {
        let reason = |run: &Run| missing_share(run).map(|own| (own.grade, own.reason));
        assert_eq!(reason(&brief_run()), None);
        assert_eq!(reason(&shared_run(2, [1_000, 999], None)), None);
        let mut all_ended = shared_run(2, [500, 500], Some("interrupted"));
        all_ended.generators[0].counts.interrupted = Some("interrupted".to_owned());
        assert_eq!(reason(&all_ended), None);
        let by = Some("signal 9; recorded up to 5 s");
        let expected =
            "generator 2 of 2 ended before the others (signal 9; recorded up to 5 s); about";
        for (planned, grade) in [([1_000, 500], Invalid), ([1_000, 990], Suspect)] {
            let (found, reason) = reason(&shared_run(2, planned, by)).unwrap();
            assert_eq!(found, grade, "{reason}");
            assert!(reason.starts_with(expected), "{reason}");
        }
        // The others were ordered to stop when one was lost.
        let mut stopped = shared_run(2, [600, 500], Some("signal 9; recorded up to 5 s"));
        stopped.generators[0].counts.interrupted = Some("interrupted".to_owned());
        stopped.generators[1].counts.lost = true;
        let (grade, said) = reason(&stopped).unwrap();
        assert_eq!(grade, Invalid);
        assert!(said.starts_with(expected), "{said}");
        let (found, reason) = reason(&shared_run(3, [1_000, 1_000], None)).unwrap();
        assert_eq!(found, Invalid);
        assert!(
            reason.starts_with(
                "generator 3 of 3 ended before the others (it left no record); about 33"
            ),
            "{reason}"
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
