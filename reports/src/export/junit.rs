//! JUnit XML, as Jenkins and GitLab read it.
//!
//! Written here rather than by `quick-junit`, which depends on chrono, uuid and strip-ansi-escapes, and whose
//! time stamps have a zone that Jenkins' schema does not allow.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// A suite of test cases.
pub(crate) struct Suite {
    /// Name of the enclosing `testsuites`.
    pub(crate) tool: &'static str,
    /// Class of the test cases, without the scenario.
    pub(crate) class: &'static str,
    pub(crate) scenario: String,
    /// Time stamp (RFC 3339).
    pub(crate) started_at: String,
    pub(crate) host: String,
    /// Duration, which the first case gets.
    pub(crate) seconds: f64,
    pub(crate) cases: Vec<Case>,
}

/// A test case.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// The outcome in one line.
    pub(crate) message: String,
    /// The details; may be empty.
    pub(crate) text: String,
}

/// The outcome of a test case. A failure and an error have a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(&'static str),
    Errored(&'static str),
    Skipped,
}

/// Renders a suite.
///
/// # Errors
/// Never: writing into memory does not fail.
pub(crate) fn render(suite: &Suite) -> io::Result<String> {
    let count = |is: fn(Outcome) -> bool| suite.cases.iter().filter(|own| is(own.outcome)).count();
    let counts = [
        ("tests", suite.cases.len()),
        (
            "failures",
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
        ),
        (
            "errors",
            count(|outcome| matches!(outcome, Outcome::Errored(_))),
        ),
        ("skipped", count(|outcome| outcome == Outcome::Skipped)),
    ]
    .map(|(name, count)| (name, count.to_string()));
    let counts = || counts.iter().map(|(name, count)| (*name, count.as_str()));
    let scenario = allowed(&suite.scenario);
    let class = format!("{}.{}", suite.class, scenario.replace('.', "_"));
    let seconds = format!("{:.3}", suite.seconds);
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites")
        .with_attribute(("name", suite.tool))
        .with_attributes(counts())
        .with_attribute(("time", seconds.as_str()))
        .write_inner_content(|xml| {
            xml.create_element("testsuite")
                .with_attribute(("name", scenario.as_str()))
                .with_attributes(counts())
                .with_attribute(("time", seconds.as_str()))
                .with_attribute(("timestamp", suite.started_at.trim_end_matches('Z')))
                .with_attribute(("hostname", allowed(&suite.host).as_str()))
                .write_inner_content(|xml| {
                    suite
                        .cases
                        .iter()
                        .enumerate()
                        .try_for_each(|(index, case)| {
                            let time = if index == 0 { seconds.as_str() } else { "0" };
                            write_case(xml, &class, case, time)
                        })
                })?;
            Ok(())
        })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

type Xml = Writer<Vec<u8>>;

fn write_case(xml: &mut Xml, class: &str, case: &Case, time: &str) -> io::Result<()> {
    let (name, message) = (allowed(&case.name), allowed(&case.message));
    let element = xml
        .create_element("testcase")
        .with_attribute(("classname", class))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("time", time));
    if case.outcome == Outcome::Passed && case.text.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|xml| match case.outcome {
        Outcome::Passed => write_text(xml, "system-out", None, &case.text),
        Outcome::Failed(kind) => write_text(xml, "failure", Some((kind, &message)), &case.text),
        Outcome::Errored(kind) => write_text(xml, "error", Some((kind, &message)), &case.text),
        Outcome::Skipped => {
            xml.create_element("skipped")
                .with_attribute(("message", message.as_str()))
                .write_empty()?;
            match case.text.as_str() {
                "" => Ok(()),
                text => write_text(xml, "system-out", None, text),
            }
        }
    })?;
    Ok(())
}

fn write_text(
    xml: &mut Xml,
    element: &str,
    reason: Option<(&str, &str)>,
    text: &str,
) -> io::Result<()> {
    let mut element = xml.create_element(element);
    if let Some((kind, message)) = reason {
        element = element.with_attributes([("type", kind), ("message", message)]);
    }
    element.write_text_content(BytesText::new(&allowed(text)))?;
    Ok(())
}

/// Replaces characters that XML can't represent.
fn allowed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}
