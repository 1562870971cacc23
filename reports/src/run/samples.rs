//! Checks, journeys, and samples of failed responses.

use tenfold_analysis::{Summary, format};
use tenfold_run_dir::counts::CheckCounts;
use tenfold_scenarios::status_text;

use crate::document::{Block, Fact, Sample, Section, Table, Tone};

/// Yields the checks with their requests.
fn all_checks(summary: &Summary) -> impl Iterator<Item = (&str, &str, &CheckCounts)> {
    summary.requests.iter().flat_map(|request| {
        let checks = request.checks.iter();
        checks.map(|(name, counts)| (name.as_str(), request.name.as_str(), counts))
    })
}

/// Returns a table of the checks. `None` without checks.
pub(super) fn checks(summary: &Summary) -> Option<Section> {
    let rows = all_checks(summary).map(|(check, request, counts)| {
        vec![
            check.to_owned(),
            request.to_owned(),
            format::count(counts.passed),
            format::count(counts.failed),
        ]
    });
    let table = Table::new(&["check", "request", "passed", "failed"], rows);
    let lead = "Conditions on responses, in addition to their status.";
    (!table.rows.is_empty())
        .then(|| Section::new("checks", "Checks", lead, vec![Block::Table(table)]))
}

/// Returns the number of checks, and the failed checks by name. `None` without checks.
pub(super) fn check_facts(summary: &Summary) -> Option<Vec<Fact>> {
    let sum = |of: fn(&CheckCounts) -> u64| -> u64 {
        all_checks(summary).map(|(_, _, counts)| of(counts)).sum()
    };
    let (passed, failed) = (sum(|counts| counts.passed), sum(|counts| counts.failed));
    if passed + failed == 0 {
        return None;
    }
    let more = all_checks(summary)
        .filter(|(_, _, counts)| counts.failed > 0)
        .map(|(check, request, counts)| {
            format!(
                "{request}: {check} failed {} of {} times",
                format::count(counts.failed),
                format::count(counts.failed + counts.passed)
            )
        });
    let text = format!(
        "{} passed, {} failed",
        format::count(passed),
        format::count(failed)
    );
    Some(vec![Fact {
        more: more.collect(),
        ..Fact::new("checks", text).toned((failed > 0).then_some(Tone::Bad))
    }])
}

/// Returns a table of the journeys. `None` without journeys.
pub(super) fn journeys(summary: &Summary) -> Option<Section> {
    let rows = summary.journeys.iter().map(|journey| {
        let numbers = [
            journey.begun,
            journey.completed,
            journey.failed,
            journey.unfinished,
            journey.cut_off,
        ];
        let reason = journey.cut_off_because.clone();
        std::iter::once(journey.name.clone())
            .chain(numbers.map(format::count))
            .chain([reason.unwrap_or_else(|| "–".to_owned())])
            .collect()
    });
    let head = [
        "journey",
        "started",
        "completed",
        "failed",
        "unfinished",
        "cut off",
        "reason for the cut",
    ];
    let table = Table::new(&head, rows);
    (!table.rows.is_empty()).then(|| {
        let blocks = vec![Block::Table(table)];
        Section::new("journeys", "Journeys", "Warm-up included.", blocks)
    })
}

/// Returns the outcomes of each journey. `None` without journeys.
pub(super) fn journey_facts(summary: &Summary) -> Option<Vec<Fact>> {
    let facts = summary.journeys.iter().map(|journey| {
        let outcomes = [
            (journey.failed, "failed"),
            (journey.unfinished, "unfinished"),
            (journey.cut_off, "cut off"),
        ];
        let mut text = format!(
            "{}: {} started, {} completed",
            journey.name,
            format::count(journey.begun),
            format::count(journey.completed)
        );
        for (count, outcome) in outcomes.into_iter().filter(|(count, _)| *count > 0) {
            text.push_str(&format!(", {} {outcome}", format::count(count)));
        }
        let reason = journey.cut_off_because.iter();
        Fact {
            more: reason.map(|reason| format!("cut off: {reason}")).collect(),
            ..Fact::new("journey", text)
        }
    });
    let facts: Vec<Fact> = facts.collect();
    (!facts.is_empty()).then_some(facts)
}

/// Yields the samples of failed responses.
pub(super) fn samples(summary: &Summary) -> impl Iterator<Item = Sample> {
    summary.samples.iter().map(|sample| {
        let check = sample.check.as_ref();
        let check = check.map_or_else(String::new, |check| format!(" “{check}”"));
        let status = sample.status;
        let status = status.map_or_else(String::new, |status| {
            format!(", status {}", status_text(status))
        });
        Sample {
            title: format!("{}: {}{check}{status}", sample.request, sample.failure),
            reason: [
                sample
                    .url
                    .as_ref()
                    .map(|url| format!("redirected to {url}")),
                sample.trace_id.as_ref().map(|id| format!("trace {id}")),
            ]
            .into_iter()
            .flatten()
            .fold(sample.reason.clone(), |reason, more| {
                format!("{reason}; {more}")
            }),
            at: format::duration(sample.at_ns),
            response: sample
                .status
                .map(|_| (sample.headers.clone(), sample.body.clone())),
            size: format::bytes(sample.body_bytes),
            trace_id: sample.trace_id.clone(),
            link: None,
        }
    })
}

/// Returns the samples of failed responses. `None` without samples.
pub(super) fn responses(summary: &Summary) -> Option<Section> {
    let lead = "The first responses of each kind of failure. Secrets are masked.";
    let blocks: Vec<Block> = samples(summary).map(Block::Sample).collect();
    (!blocks.is_empty()).then(|| Section::new("samples", "Failed responses", lead, blocks))
}
