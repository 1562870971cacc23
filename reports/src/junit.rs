//! JUnit XML: a test case for the measurement, and one for each objective.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use tenfold_analysis::{MeasurementVerdict, RuleResult, Summary, words};

use crate::sentence;

/// Renders `testsuites` with one suite, as Jenkins and GitLab read it.
///
/// A missed objective is a failure, with what was measured, its interval and the limit. An invalid
/// measurement is an error of the test case `measurement`, and its objectives are skipped: figures that
/// are not the service's neither pass nor fail it.
///
/// # Errors
/// Never while memory lasts.
pub fn render(summary: &Summary) -> io::Result<String> {
    let invalid = summary.verdict.measurement == MeasurementVerdict::Invalid;
    let failed = |rule: &&RuleResult| !invalid && rule.met == Some(false);
    let skipped = |rule: &&RuleResult| invalid || rule.met.is_none();
    let counts = [
        ("tests", summary.rules.len() + 1),
        ("failures", summary.rules.iter().filter(failed).count()),
        ("errors", usize::from(invalid)),
        ("skipped", summary.rules.iter().filter(skipped).count()),
    ]
    .map(|(name, count)| (name, count.to_string()));
    let seconds = format!("{:.3}", summary.counted_s);
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites")
        .with_attribute(("name", "tenfold"))
        .with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())))
        .with_attribute(("time", seconds.as_str()))
        .write_inner_content(|xml| {
            xml.create_element("testsuite")
                .with_attribute(("name", allowed(&summary.scenario).as_str()))
                .with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())))
                .with_attribute(("time", seconds.as_str()))
                .with_attribute(("timestamp", summary.started_at.trim_end_matches('Z')))
                .with_attribute(("hostname", allowed(&summary.target).as_str()))
                .write_inner_content(|xml| {
                    measurement(xml, summary)?;
                    summary
                        .rules
                        .iter()
                        .try_for_each(|rule| case(xml, summary, rule, invalid))
                })?;
            Ok(())
        })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) type Xml = Writer<Vec<u8>>;

fn measurement(xml: &mut Xml, summary: &Summary) -> io::Result<()> {
    let verdict = &summary.verdict;
    let reasons = allowed(&verdict.reasons.join("\n"));
    let case = xml
        .create_element("testcase")
        .with_attribute(("classname", class(summary).as_str()))
        .with_attribute(("name", "measurement"))
        .with_attribute(("time", format!("{:.3}", summary.counted_s).as_str()));
    match verdict.measurement {
        MeasurementVerdict::Valid => case.write_empty()?,
        MeasurementVerdict::Suspect => case.write_inner_content(|xml| {
            let told = format!("the measurement is suspect:\n{reasons}");
            xml.create_element("system-out")
                .write_text_content(BytesText::new(&told))?;
            Ok(())
        })?,
        MeasurementVerdict::Invalid => case.write_inner_content(|xml| {
            xml.create_element("error")
                .with_attribute(("type", "invalid measurement"))
                .with_attribute(("message", allowed(&sentence::sentence(summary)).as_str()))
                .write_text_content(BytesText::new(&reasons))?;
            Ok(())
        })?,
    };
    Ok(())
}

fn case(xml: &mut Xml, summary: &Summary, rule: &RuleResult, invalid: bool) -> io::Result<()> {
    let why = allowed(&rule.why);
    let case = xml
        .create_element("testcase")
        .with_attribute(("classname", class(summary).as_str()))
        .with_attribute(("name", allowed(&rule.text).as_str()))
        .with_attribute(("time", "0"));
    match rule.met {
        _ if invalid => {
            let message = format!("not judged: the measurement is invalid (measured {why})");
            case.write_inner_content(|xml| skipped(xml, &message))?;
        }
        Some(true) => {
            case.write_inner_content(|xml| {
                xml.create_element("system-out")
                    .write_text_content(BytesText::new(&why))?;
                Ok(())
            })?;
        }
        Some(false) => {
            let message = format!("measured {}, limit {}", rule.measured_text(), limit(rule));
            case.write_inner_content(|xml| {
                xml.create_element("failure")
                    .with_attribute(("type", "objective missed"))
                    .with_attribute(("message", message.as_str()))
                    .write_text_content(BytesText::new(&format!(
                        "{}: {why}; limit {}",
                        allowed(&rule.text),
                        limit(rule)
                    )))?;
                Ok(())
            })?;
        }
        None => {
            case.write_inner_content(|xml| skipped(xml, &why))?;
        }
    }
    Ok(())
}

pub(crate) fn skipped(xml: &mut Xml, message: &str) -> io::Result<()> {
    xml.create_element("skipped")
        .with_attribute(("message", message))
        .write_empty()?;
    Ok(())
}

fn class(summary: &Summary) -> String {
    format!("tenfold.{}", allowed(&summary.scenario).replace('.', "_"))
}

fn limit(rule: &RuleResult) -> String {
    match (rule.limit, rule.unit.as_str()) {
        (Some(ns), "ns") => words::duration_of(ns),
        (Some(fraction), _) => words::percent(fraction),
        (None, _) => "–".to_owned(),
    }
}

/// Takes out the characters that XML has no way to write.
pub(crate) fn allowed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}
