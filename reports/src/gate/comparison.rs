//! Responses and memory of both builds.

use tenfold_analysis::format;
use tenfold_analysis::gate::{AnswerSeen, GateOutcome, RequestAnswers, Side};

use crate::chart::{self, Description, Ink};
use crate::document::{Block, Chart, Fact, Section, Table, capitalised};
use crate::gate::figures;

/// Compares the responses of both builds. `None` if they were not compared.
pub(super) fn answers(outcome: &GateOutcome) -> Option<Section> {
    let answers = outcome.answers.as_ref()?;
    let rows = answers.requests.iter().map(|request| {
        let counts = [
            request.compared,
            request.statuses_differ,
            request.bodies_differ,
        ];
        let name = [request.request.clone()];
        name.into_iter().chain(counts.map(format::count)).collect()
    });
    let head = ["request", "compared", "statuses differ", "bodies differ"];
    let mut blocks = vec![Block::Table(Table::new(&head, rows))];
    blocks.extend(answers.requests.iter().flat_map(examples));
    if !answers.ignored.is_empty() {
        let ignored = answers.ignored.join(", ");
        blocks.push(Block::Note(format!(
            "Excluded from the comparison: {ignored}."
        )));
    }
    let lead = format!("{}.", capitalised(&figures::answers(answers)));
    Some(Section::new("answers", "Responses", lead, blocks))
}

fn examples(request: &RequestAnswers) -> Vec<Block> {
    let examples = request.examples.iter().flat_map(|example| {
        [
            Block::Heading(format!("{}: `{}`", request.request, example.sent)),
            Block::Facts(vec![
                Fact::new("baseline", response(&example.baseline)),
                Fact::new("candidate", response(&example.candidate)),
            ]),
        ]
    });
    examples.collect()
}

fn response(answer: &AnswerSeen) -> String {
    let mut text = answer
        .status
        .map_or_else(|| "no response".to_owned(), |status| status.to_string());
    if let Some(bytes) = answer.bytes {
        text.push_str(&format!(", {}", format::bytes(bytes)));
    }
    if !answer.excerpt.is_empty() {
        text.push_str(&format!(": `{}`", answer.excerpt));
    }
    text
}

/// Returns the memory of both builds over time. `None` without readings.
pub(super) fn memory(outcome: &GateOutcome) -> Option<Section> {
    let memory = outcome.memory.as_ref()?;
    let mut samples: Vec<(f64, Side, f64)> = Side::ALL
        .into_iter()
        .flat_map(|side| {
            let samples = memory.of(side).samples.iter();
            samples.map(move |sample| (sample.at_s, side, sample.mib))
        })
        .collect();
    samples.sort_by(|one, other| one.0.total_cmp(&other.0));
    let description = Description {
        at: samples.iter().map(|(at_s, ..)| *at_s).collect(),
        id: "memory".to_owned(),
        title: "Resident memory over time".to_owned(),
        text: "The resident memory of both builds. A line breaks at each restart.".to_owned(),
    };
    let rows = Side::ALL.into_iter().filter_map(|side| {
        let text = figures::memory(memory.of(side))?;
        Some(vec![side.to_string(), text])
    });
    let lead = "Growth is the trend of a build between its readings, excluding its start. A few large \
                allocations change it little.";
    let chart = Chart::block(
        chart::memory(&description, memory),
        &[(Ink::Reads, "baseline"), (Ink::Response, "candidate")],
        Table::new(
            &["at", "build", "resident memory"],
            samples.iter().map(|(at_s, side, mib)| {
                vec![
                    format!("{} s", format::significant(*at_s)),
                    side.to_string(),
                    format!("{mib:.1} MiB"),
                ]
            }),
        ),
    );
    let summary = Block::Table(Table::new(&["build", "resident memory"], rows));
    Some(Section::new(
        "memory-use",
        "Memory",
        lead,
        vec![chart, summary],
    ))
}
