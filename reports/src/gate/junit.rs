//! JUnit XML: a test case for the gate, and one for each gated metric.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use tenfold_analysis::gate::{Conclusion, GateOutcome, GateVerdict, Role, Side};

use crate::gate::figures::{self, Row};
use crate::junit::{Xml, allowed, skipped};

/// How a test case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    Errored,
    Skipped,
}

/// A test case: its name, how it ends, and what is said of that in a line and in full.
struct Case {
    name: String,
    end: End,
    message: String,
    text: String,
}

/// Renders `testsuites` with one suite, as Jenkins and GitLab read it.
///
/// A metric that is surely slower is a failure, and one of which neither is shown is skipped, with what it
/// would take. On a bad day the test case `gate` is an error; where the times are then not of the same
/// work, the metrics are skipped. Noise alone skips it.
///
/// # Errors
/// Never while memory lasts.
pub fn render(outcome: &GateOutcome) -> io::Result<String> {
    let cases = cases(outcome);
    let number = |end: End| cases.iter().filter(|case| case.end == end).count();
    let counts = [
        ("tests", cases.len()),
        ("failures", number(End::Failed)),
        ("errors", number(End::Errored)),
        ("skipped", number(End::Skipped)),
    ]
    .map(|(name, count)| (name, count.to_string()));
    let seconds = format!("{:.3}", outcome.elapsed_s);
    let class = format!(
        "tenfold.gate.{}",
        allowed(&outcome.scenario).replace('.', "_")
    );
    let against = format!(
        "{} against {}",
        figures::build(outcome, Side::Candidate),
        figures::build(outcome, Side::Baseline)
    );
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites")
        .with_attribute(("name", "tenfold gate"))
        .with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())))
        .with_attribute(("time", seconds.as_str()))
        .write_inner_content(|xml| {
            xml.create_element("testsuite")
                .with_attribute(("name", allowed(&outcome.scenario).as_str()))
                .with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())))
                .with_attribute(("time", seconds.as_str()))
                .with_attribute(("timestamp", outcome.started_at.trim_end_matches('Z')))
                .with_attribute(("hostname", allowed(&against).as_str()))
                .write_inner_content(|xml| {
                    cases.iter().enumerate().try_for_each(|(index, case)| {
                        // All cases share the gate's time; the first has it.
                        let time = if index == 0 { seconds.as_str() } else { "0" };
                        write(xml, &class, case, time)
                    })
                })?;
            Ok(())
        })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cases(outcome: &GateOutcome) -> Vec<Case> {
    let mut cases = vec![gate(outcome)];
    let Some(decision) = &outcome.decision else {
        return cases;
    };
    let metrics = decision.metrics.iter();
    let judged = metrics
        .map(|result| (result.metric.role, result.verdict))
        .chain(
            decision
                .failures
                .iter()
                .map(|result| (result.rule.role, result.verdict)),
        );
    let rows = figures::rows(decision);
    let gated = rows
        .iter()
        .zip(judged)
        .filter(|(_, (role, _))| *role == Role::Gated);
    cases.extend(gated.map(|(row, (_, verdict))| metric(outcome, row, verdict)));
    cases
}

fn gate(outcome: &GateOutcome) -> Case {
    let end = match outcome.verdict {
        Conclusion::Pass | Conclusion::Fail | Conclusion::Inconclusive | Conclusion::Calibrated => {
            End::Passed
        }
        Conclusion::TooNoisy => End::Skipped,
        _ => End::Errored,
    };
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
        end,
        message: outcome.sentence.clone(),
        text: lines.join("\n"),
    }
}

fn metric(outcome: &GateOutcome, row: &Row, verdict: GateVerdict) -> Case {
    let figures = format!(
        "{} to {}, {} (interval {}), limit {}; the smallest slowdown to be seen is {}",
        row.baseline, row.candidate, row.effect, row.interval, row.limit, row.sees
    );
    let (end, message) = if outcome.verdict.has_figures() {
        let end = match verdict {
            GateVerdict::Pass => End::Passed,
            GateVerdict::Fail => End::Failed,
            GateVerdict::Inconclusive => End::Skipped,
        };
        (end, row.reason.clone())
    } else {
        (End::Skipped, format!("not judged: {}", outcome.sentence))
    };
    Case {
        name: row.name.clone(),
        end,
        text: format!("{figures}\n{}", row.reason),
        message,
    }
}

fn write(xml: &mut Xml, class: &str, case: &Case, time: &str) -> io::Result<()> {
    let (message, text) = (allowed(&case.message), allowed(&case.text));
    let element = xml
        .create_element("testcase")
        .with_attribute(("classname", class))
        .with_attribute(("name", allowed(&case.name).as_str()))
        .with_attribute(("time", time));
    element.write_inner_content(|xml| match case.end {
        End::Passed => told(xml, "system-out", None, &text),
        End::Failed => told(xml, "failure", Some(("slower", &message)), &text),
        End::Errored => told(xml, "error", Some(("no verdict", &message)), &text),
        End::Skipped => {
            skipped(xml, &message)?;
            told(xml, "system-out", None, &text)
        }
    })?;
    Ok(())
}

fn told(xml: &mut Xml, element: &str, why: Option<(&str, &str)>, text: &str) -> io::Result<()> {
    let mut element = xml.create_element(element);
    if let Some((kind, message)) = why {
        element = element
            .with_attribute(("type", kind))
            .with_attribute(("message", message));
    }
    element.write_text_content(BytesText::new(text))?;
    Ok(())
}
