//! JUnit XML: a test case for the measurement, and one for each objective.

use std::io;
use std::path::Path;

use tenfold_analysis::{MeasurementVerdict, RuleResult, Summary, format};

use crate::export::junit::{self, Case, Outcome, Suite};
use crate::export::{Format, Rendered};
use crate::run::formats::{RunResults, RunSubject};
use crate::run::verdict;

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "junit",
    default_file: "junit.xml",
    render,
};

/// Renders a run.
///
/// A missed objective is a failure, with the measured value, its interval and the limit. An invalid
/// measurement is an error of the test case `measurement` and skips the objectives, which it can't judge.
fn render<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let summary = results.summary;
    let objectives = summary.rules.iter().map(|rule| objective(summary, rule));
    let suite = Suite {
        tool: "tenfold",
        class: "tenfold",
        scenario: summary.scenario.clone(),
        started_at: summary.started_at.clone(),
        host: summary.target.clone(),
        seconds: summary.counted_s,
        cases: [measurement(summary)]
            .into_iter()
            .chain(objectives)
            .collect(),
    };
    Ok(Rendered::file(path, junit::render(&suite)?))
}

fn measurement(summary: &Summary) -> Case {
    let reasons = summary.verdict.reasons.join("\n");
    let (outcome, text) = match summary.verdict.measurement {
        MeasurementVerdict::Valid => (Outcome::Passed, String::new()),
        MeasurementVerdict::Suspect => {
            let text = format!("the measurement is suspect:\n{reasons}");
            (Outcome::Passed, text)
        }
        MeasurementVerdict::Invalid => (Outcome::Errored("invalid measurement"), reasons),
    };
    Case {
        name: "measurement".to_owned(),
        outcome,
        message: verdict::sentence(summary),
        text,
    }
}

fn objective(summary: &Summary, rule: &RuleResult) -> Case {
    let is_invalid = summary.verdict.measurement == MeasurementVerdict::Invalid;
    let (why, limit) = (&rule.why, limit(rule));
    let (outcome, message, text) = match rule.met {
        _ if is_invalid => {
            let message = format!("not judged: the measurement is invalid (measured {why})");
            (Outcome::Skipped, message, String::new())
        }
        Some(true) => (Outcome::Passed, String::new(), why.clone()),
        Some(false) => (
            Outcome::Failed("objective missed"),
            format!("measured {}, limit {limit}", rule.measured_text()),
            format!("{}: {why}; limit {limit}", rule.text),
        ),
        None => (Outcome::Skipped, why.clone(), String::new()),
    };
    Case {
        name: rule.text.clone(),
        outcome,
        message,
        text,
    }
}

fn limit(rule: &RuleResult) -> String {
    match (rule.limit, rule.unit.as_str()) {
        (Some(ns), "ns") => format::duration_of(ns),
        (Some(fraction), _) => format::percent(fraction),
        (None, _) => "–".to_owned(),
    }
}
