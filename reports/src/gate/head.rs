//! The first screen: the verdict, the effects, and the next step.

use tenfold_analysis::format;
use tenfold_analysis::gate::{Decision, GateOutcome, Role, Side};

use crate::document::{Block, Code, CodeKind, Document, Forest, ForestRow, Verdict, capitalised};
use crate::gate::figures;

/// Returns the parts that every report of a gate has.
pub(super) fn head(outcome: &GateOutcome) -> Document {
    let (tone, badge) = figures::headline(outcome);
    let builds = format!(
        "{} against {}",
        figures::build(outcome, Side::Candidate),
        figures::build(outcome, Side::Baseline)
    );
    let reasons = outcome.bad_days.iter().map(|day| day.sentence());
    let output = outcome
        .bad_days
        .iter()
        .filter(|day| !day.last_lines().is_empty());
    let output = output.flat_map(|day| {
        let text = day.last_lines().join("\n");
        let kind = CodeKind::Output;
        [
            Block::Note("The last lines of its output:".to_owned()),
            Block::Code(Code { text, kind }),
        ]
    });
    let effects = outcome.decision.as_ref().map(effects);
    let tag = "advisory: the verdict fails nothing".to_owned();
    Document {
        origin: vec![
            "gate".to_owned(),
            outcome.scenario.clone(),
            builds.clone(),
            outcome.started_at.clone(),
        ],
        tags: outcome.advisory.then_some(tag).into_iter().collect(),
        subject: outcome.scenario.clone(),
        about: format!("with {builds}, seed {}, {}", outcome.seed, rounds(outcome)),
        verdict: Some(Verdict {
            tone,
            badge: badge.to_owned(),
            status: format!("{}{}", badge.to_lowercase(), gated(outcome)),
        }),
        title: outcome.sentence.clone(),
        reasons: reasons
            .filter(|sentence| *sentence != outcome.sentence)
            .collect(),
        opening: output.chain(effects).collect(),
        next: outcome.next.clone(),
        ..Document::default()
    }
}

/// Returns the number of rounds with their duration.
pub(super) fn rounds(outcome: &GateOutcome) -> String {
    format!(
        "{} rounds in {} s",
        format::count(outcome.rounds.len() as u64),
        format::significant(outcome.elapsed_s)
    )
}

fn gated(outcome: &GateOutcome) -> String {
    let metrics = outcome
        .decision
        .iter()
        .flat_map(|decision| &decision.metrics);
    match metrics
        .filter(|result| result.metric.role == Role::Gated)
        .count()
    {
        0 => String::new(),
        1 => " (1 gated metric)".to_owned(),
        several => format!(" ({several} gated metrics)"),
    }
}

fn effects(decision: &Decision) -> Block {
    let rows = figures::rows(decision).into_iter().map(|row| ForestRow {
        judgement: row.judgement,
        cells: vec![
            row.effect,
            row.interval,
            row.baseline,
            row.candidate,
            row.limit,
            row.sees,
        ],
        bar: row.bar,
    });
    Block::Forest(Forest {
        id: "effect".to_owned(),
        head: vec![
            "effect",
            "interval",
            "baseline",
            "candidate",
            "limit",
            "detectable",
        ],
        axis: "better ← → worse",
        rows: rows.collect(),
    })
}

/// Explains the drawings of the effects.
pub(super) fn legend(decision: &Decision) -> String {
    let mut limits = decision.metrics.iter().map(|result| result.limits);
    let has_two = limits.any(|limits| limits.tolerance != limits.fail_above);
    let rule = if has_two {
        "The whole interval must lie below the dashed line to pass; a dot above the solid line fails"
    } else {
        "The whole interval must lie below the limit to pass; a dot above it fails"
    };
    format!(
        "A dot is an effect, a whisker its interval, and the thin line no effect. {rule} if the slowdown is \
         certain."
    )
}

/// Explains the effects: their intervals, the detectable slowdowns, and the capacity.
pub(super) fn notes(outcome: &GateOutcome) -> impl Iterator<Item = Block> {
    let decision = outcome.decision.as_ref();
    let notes = [
        decision.and_then(|decision| figures::how_intervals_hold(decision, &outcome.settings)),
        decision.and_then(figures::detectable),
        figures::capacity(outcome).map(|capacity| format!("{}.", capitalised(&capacity))),
    ];
    notes.into_iter().flatten().map(Block::Note)
}
