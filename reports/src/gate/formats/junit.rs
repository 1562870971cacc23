//! JUnit XML: a test case for the gate, and one for each gated metric.

use std::io;
use std::path::Path;

use tenfold_analysis::gate::{Conclusion, GateOutcome, GateVerdict, Side};

use crate::export::junit::{self, Case, Outcome, Suite};
use crate::export::{Format, Rendered};
use crate::gate::figures::{self, Row};
use crate::gate::formats::{GateResults, GateSubject};

pub(super) const FORMAT: Format<GateSubject> = Format {
    name: "junit",
    default_file: "junit.xml",
    render,
};

/// Renders a gate.
///
/// A metric that is slower is a failure. An inconclusive metric is skipped, with the rounds that it would
/// take. Without a verdict, the test case `gate` is an error, and metrics that can't be compared are skipped.
/// Noise skips the test case `gate`.
fn render<'a>(results: &'a GateResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let outcome = results.outcome;
    let rows = outcome
        .decision
        .as_ref()
        .map(figures::rows)
        .unwrap_or_default();
    let metrics = rows.iter().filter_map(|row| Some((row, row.verdict?)));
    let metrics = metrics.map(|(row, verdict)| metric(outcome, row, verdict));
    let suite = Suite {
        tool: "tenfold gate",
        class: "tenfold.gate",
        scenario: outcome.scenario.clone(),
        started_at: outcome.started_at.clone(),
        host: format!(
            "{} against {}",
            figures::build(outcome, Side::Candidate),
            figures::build(outcome, Side::Baseline)
        ),
        seconds: outcome.elapsed_s,
        cases: [gate(outcome)].into_iter().chain(metrics).collect(),
    };
    Ok(Rendered::file(path, junit::render(&suite)?))
}

fn gate(outcome: &GateOutcome) -> Case {
    let mut lines: Vec<String> = Vec::new();
    for day in &outcome.bad_days {
        lines.push(day.sentence());
        lines.extend(day.last_lines().iter().cloned());
    }
    if lines.is_empty() {
        lines.push(outcome.sentence.clone());
    }
    lines.extend(outcome.remarks.iter().cloned());
    Case {
        name: "gate".to_owned(),
        outcome: match outcome.verdict {
            Conclusion::Pass
            | Conclusion::Fail
            | Conclusion::Inconclusive
            | Conclusion::Calibrated => Outcome::Passed,
            Conclusion::TooNoisy => Outcome::Skipped,
            _ => Outcome::Errored("no verdict"),
        },
        message: outcome.sentence.clone(),
        text: lines.join("\n"),
    }
}

fn metric(outcome: &GateOutcome, row: &Row, verdict: GateVerdict) -> Case {
    let figures = format!(
        "{} to {}, {} (interval {}), limit {}; smallest detectable slowdown {}",
        row.baseline, row.candidate, row.effect, row.interval, row.limit, row.sees
    );
    let reason = &row.judgement.reason;
    let (end, message) = if outcome.verdict.has_figures() {
        let end = match verdict {
            GateVerdict::Pass => Outcome::Passed,
            GateVerdict::Fail => Outcome::Failed("slower"),
            GateVerdict::Inconclusive => Outcome::Skipped,
        };
        (end, reason.clone())
    } else {
        let message = format!("not judged: {}", outcome.sentence);
        (Outcome::Skipped, message)
    };
    Case {
        name: row.judgement.name.clone(),
        outcome: end,
        message,
        text: format!("{figures}\n{reason}"),
    }
}
