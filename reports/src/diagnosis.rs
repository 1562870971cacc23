//! The report of a diagnosis.

use tenfold_analysis::diagnosis::confirmation::{
    ComponentKind, Confirmation, ConfirmationOutcome, Slope,
};
use tenfold_analysis::diagnosis::{Bottleneck, DiagnosisReport, Resource};
use tenfold_analysis::{Confidence, format};

use crate::document::{Block, Document, Fact, Finding, Section, Table, Tone, Verdict};
use crate::knee;

/// Returns the diagnosis with its evidence, the three runs, and the search before them.
pub fn page(report: &DiagnosisReport) -> Document {
    let mut sections = Vec::new();
    let mut blocks: Vec<Block> = report.diagnosis.bottlenecks.iter().map(finding).collect();
    if blocks.is_empty() {
        blocks.push(Block::Text("No bottleneck was found.".to_owned()));
    }
    sections.push(Section::new("bottlenecks", "Bottlenecks", "", blocks));
    sections.extend(
        report
            .confirmation
            .as_ref()
            .map(|own| confirmation(own, report)),
    );
    sections.push(knee::trials(
        &report.search,
        "experiments",
        "Three loads",
        &report.experiments,
    ));
    sections.extend(knee::page(&report.search).sections);
    Document {
        sections,
        ..digest(report)
    }
}

/// Returns the diagnosis alone.
pub fn digest(report: &DiagnosisReport) -> Document {
    let first = report.diagnosis.bottlenecks.first();
    let mut facts = vec![Fact::new("knee", knee::sentence(&report.search))];
    if let Some(own) = &report.confirmation {
        facts.push(Fact::new("experiment", own.sentence.clone()));
    }
    if let Some(first) = first {
        facts.push(Fact {
            name: "evidence".to_owned(),
            text: first.evidence.first().cloned().unwrap_or("–".to_owned()),
            more: first.evidence.iter().skip(1).cloned().collect(),
            ..Fact::default()
        });
        if let Some(gain) = &first.expected_gain {
            facts.push(Fact::new("expected gain", gain.sentence()));
        }
    }
    let others = report.diagnosis.bottlenecks.iter().skip(1);
    facts.extend(others.map(|other| Fact::new("also", other.title.clone())));
    facts.push(Fact::new("objectives", report.search.rules.join("; ")));
    Document {
        origin: vec![
            "diagnosis".to_owned(),
            report.search.scenario.clone(),
            report.search.target.clone(),
        ],
        subject: report.search.scenario.clone(),
        about: format!("against {}", report.search.target),
        verdict: first.map(|first| verdict(first, report.confirmation.as_ref())),
        title: first.map_or("No bottleneck was found".to_owned(), |own| {
            own.title.clone()
        }),
        opening: vec![Block::Facts(facts)],
        next: first.map_or(String::new(), |own| own.next_step.text.clone()),
        ..Document::default()
    }
}

/// Returns the sensitivity to each component, and the runs that show it.
fn confirmation(own: &Confirmation, report: &DiagnosisReport) -> Section {
    let slope = |slope: Slope| {
        let [low, high] = slope.interval;
        format!("{:.2} ({low:.2} to {high:.2})", slope.value)
    };
    let rows = own.sensitivities.iter().map(|own| {
        let component = &own.component;
        vec![
            component.name.clone(),
            match component.kind {
                ComponentKind::Cpu => "more CPU time in each call".to_owned(),
                ComponentKind::Wait => "a wait in each call".to_owned(),
                ComponentKind::Box => "less CPU for its boxes".to_owned(),
            },
            component
                .call_us
                .map_or("–".to_owned(), |us| format::duration_of(us * 1e3)),
            slope(own.throughput),
            own.response.map_or("–".to_owned(), slope),
        ]
    });
    let head = [
        "component",
        "slowed by",
        "time of a call",
        "share of the bottleneck",
        "share of the response time",
    ];
    let mut blocks = vec![
        Block::Text(format!("{}.", own.sentence)),
        Block::Table(Table::new(&head, rows)),
    ];
    if !own.left_out.is_empty() {
        blocks.push(Block::Text("Not slowed:".to_owned()));
        blocks.push(Block::List(own.left_out.clone()));
    }
    let runs = knee::trials(&report.search, "", "", &own.runs);
    blocks.extend(runs.blocks);
    Section::new(
        "experiment",
        "Experiment",
        "Each component was slowed by 25% and by 50% of its time, for a second at a time and in random order. The share of the bottleneck is \
         the relative growth of the time between answers above the knee, for a component that takes twice as long: 1 if it alone is the \
         bottleneck, 0 if it is none. The share of the response time is measured below the knee. With 95% intervals.",
        blocks,
    )
}

fn verdict(first: &Bottleneck, confirmation: Option<&Confirmation>) -> Verdict {
    let outcome = confirmation.map(|own| own.outcome);
    let (tone, badge) = match (first.resource, first.confidence) {
        _ if outcome == Some(ConfirmationOutcome::Confirmed) => {
            (Tone::Bad, "Bottleneck, confirmed")
        }
        _ if outcome == Some(ConfirmationOutcome::Refuted) => {
            (Tone::Caution, "Bottleneck, refuted")
        }
        (Resource::NotReached, _) => (Tone::Good, "Nothing saturated"),
        (Resource::Unknown, _) => (Tone::Caution, "Cause unknown"),
        (Resource::Generator | Resource::OtherProcesses, _) => (Tone::Caution, "Not the service"),
        (_, Confidence::High) => (Tone::Bad, "Bottleneck, high confidence"),
        (_, Confidence::Medium) => (Tone::Bad, "Bottleneck, medium confidence"),
        (_, Confidence::Low) => (Tone::Caution, "Bottleneck, low confidence"),
    };
    Verdict {
        tone,
        badge: badge.to_owned(),
        status: badge.to_lowercase(),
    }
}

/// Returns a bottleneck with its evidence and the step that it asks for.
pub(crate) fn finding(bottleneck: &Bottleneck) -> Block {
    let mut evidence = bottleneck.evidence.clone();
    if let Some(gain) = &bottleneck.expected_gain {
        evidence.push(format!("expected gain: {}", gain.sentence()));
    }
    Block::Finding(Finding {
        title: bottleneck.title.clone(),
        tag: format!("{} confidence", confidence(bottleneck.confidence)),
        evidence,
        advice: bottleneck.next_step.text.clone(),
    })
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    }
}

/// Returns the rates of the experiments in a sentence, for progress lines: "low 30/s, near 95/s, above 120/s".
pub fn plan(rates: [(&str, f64); 3]) -> String {
    let parts = rates.map(|(name, rate)| format!("{name} {}", format::rate(rate)));
    parts.join(", ")
}
