//! The short report of a gate, for a terminal and for a pull request.

use tenfold_analysis::format;
use tenfold_analysis::gate::{Calibration, Cause, GateOutcome, Side};

use crate::document::{Block, Document, Fact, Table, Tone};
use crate::gate::attachments::Attachments;
use crate::gate::{figures, head, settings};

/// Functions and waits shown; the page has all of them.
const CHANGES_MAX: usize = 5;

/// Returns the short report of a gate: verdict, effects, memory, and the functions that changed most.
pub fn digest(outcome: &GateOutcome, attachments: &Attachments) -> Document {
    let mut head = head::head(outcome);
    match (&outcome.decision, &outcome.calibration) {
        (None, Some(calibration)) => head.opening.extend(noise(calibration)),
        _ => head.opening.extend(head::notes(outcome)),
    }
    let facts = facts(outcome);
    if !facts.is_empty() {
        head.opening.push(Block::Facts(facts));
    }
    let changes = outcome.cause.iter().flat_map(changes);
    head.opening.extend(changes.map(Block::Table));
    Document {
        report: attachments.report.clone(),
        ..head
    }
}

fn noise(calibration: &Calibration) -> Vec<Block> {
    let metrics = calibration.metrics.iter();
    let reasons = metrics.filter_map(|own| {
        let reason = own.reason.as_ref()?;
        Some(Block::Note(format!("{} is not gated: {reason}", own.name)))
    });
    let table = Block::Table(settings::noise(calibration));
    [table].into_iter().chain(reasons).collect()
}

fn facts(outcome: &GateOutcome) -> Vec<Fact> {
    let answers = outcome.answers.as_ref().map(|answers| {
        let differing = answers.requests.iter();
        let differing =
            differing.filter(|request| request.statuses_differ + request.bodies_differ > 0);
        let more = differing.map(|request| {
            format!(
                "{}: {} statuses and {} bodies of {}",
                request.request,
                format::count(request.statuses_differ),
                format::count(request.bodies_differ),
                format::count(request.compared)
            )
        });
        Fact {
            more: more.collect(),
            ..Fact::new("responses", figures::answers(answers))
                .toned((answers.statuses_differ > 0).then_some(Tone::Bad))
        }
    });
    let memory = Side::ALL.into_iter().filter_map(|side| {
        let memory = figures::memory(outcome.memory.as_ref()?.of(side))?;
        Some(Fact::new("memory", format!("{side}: {memory}")))
    });
    let remarks = outcome.remarks.iter();
    let remarks = remarks.map(|text| Fact::new("note", text).toned(Some(Tone::Caution)));
    answers.into_iter().chain(memory).chain(remarks).collect()
}

fn changes(cause: &Cause) -> impl Iterator<Item = Table> {
    let functions = cause.functions.iter().take(CHANGES_MAX).map(|function| {
        let name = [function.name.clone()].into_iter();
        name.chain(figures::function(function)).collect()
    });
    let waits = cause.waits.iter().take(CHANGES_MAX).map(|wait| {
        vec![
            wait.name.clone(),
            figures::value("µs", wait.us_per_request.baseline),
            figures::value("µs", wait.us_per_request.candidate),
        ]
    });
    let head = [
        "functions that changed most",
        "share before",
        "after",
        "CPU per request before",
        "after",
    ];
    let tables = [
        Table::new(&head, functions),
        Table::new(&["waits that changed most", "before", "after"], waits),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty())
}
