//! Annotations, as GitHub's runner reads them from the output of a step.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use tenfold_analysis::gate::{Conclusion, GateOutcome, GateVerdict};

use crate::document::Tone;
use crate::export::{Format, Rendered};
use crate::gate::figures;
use crate::gate::formats::{GateResults, GateSubject};

pub(super) const FORMAT: Format<GateSubject> = Format {
    name: "github",
    default_file: "annotations.txt",
    render,
};

fn render<'a>(results: &'a GateResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    Ok(Rendered::file(path, annotations(results.outcome)))
}

/// The level of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn command(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
        }
    }
}

/// Renders an annotation of the verdict, and one of each gated metric that failed or improved. An advisory
/// gate has no errors.
fn annotations(outcome: &GateOutcome) -> String {
    let (tone, headline) = figures::headline(outcome);
    let bad = if outcome.advisory {
        Level::Warning
    } else {
        Level::Error
    };
    let level = match tone {
        Tone::Good => Level::Notice,
        Tone::Caution => Level::Warning,
        Tone::Bad => bad,
    };
    let mut out = String::new();
    let title = format!("{}: {headline}", outcome.scenario);
    let next = match outcome.next.as_str() {
        "" => String::new(),
        next => format!("\n{next}"),
    };
    let sentence = format!("{}{next}", outcome.sentence);
    annotate(&mut out, level, &title, &sentence);
    let others = outcome.bad_days.iter();
    for day in others.filter(|day| day.sentence() != outcome.sentence) {
        let level = match day.conclusion() {
            Conclusion::TooNoisy => Level::Warning,
            _ => bad,
        };
        annotate(&mut out, level, &outcome.scenario, &day.sentence());
    }
    let decision = outcome.decision.as_ref();
    let decision = decision.filter(|_| outcome.verdict.has_figures());
    for row in decision.map(figures::rows).unwrap_or_default() {
        let level = match (row.verdict, row.improved) {
            (Some(GateVerdict::Fail), _) => bad,
            (Some(GateVerdict::Pass), true) => Level::Notice,
            _ => continue,
        };
        let title = format!(
            "{}: {} {}",
            outcome.scenario, row.judgement.name, row.effect
        );
        let message = format!(
            "{} to {}, {} (interval {}): {}",
            row.baseline, row.candidate, row.effect, row.interval, row.judgement.reason
        );
        annotate(&mut out, level, &title, &message);
    }
    out
}

fn annotate(out: &mut String, level: Level, title: &str, message: &str) {
    let _ = writeln!(
        out,
        "::{} title={}::{}",
        level.command(),
        property(title),
        data(message)
    );
}

/// Escapes a message: percent signs and line breaks.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property: also the separators of properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A command, its properties and its message.
    type Command = (String, Vec<(String, String)>, String);

    /// Parses a line as the runner does (actions/runner, `ActionCommand.TryParseV2`): the properties end at the
    /// first `::` after the command, and commas separate them.
    fn read(line: &str) -> Option<Command> {
        let (command, message) = line.strip_prefix("::")?.split_once("::")?;
        let (name, properties) = command.split_once(' ').unwrap_or((command, ""));
        let properties = properties
            .split(',')
            .filter_map(|property| property.split_once('='))
            .map(|(name, value)| (name.to_owned(), unescape(value, true)))
            .collect();
        Some((name.to_owned(), properties, unescape(message, false)))
    }

    fn unescape(text: &str, property: bool) -> String {
        let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
        if property {
            text = text.replace("%3A", ":").replace("%2C", ",");
        }
        text.replace("%25", "%")
    }

    #[test]
    fn escapes_as_the_runner_expects() {
        let mut out = String::new();
        annotate(
            &mut out,
            Level::Error,
            "a: b, c",
            "5% slower\r\nsurely: x, y",
        );
        assert_eq!(
            out,
            "::error title=a%3A b%2C c::5%25 slower%0D%0Asurely: x, y\n"
        );
    }

    proptest! {
        #[test]
        fn annotations_round_trip(
            title in "(%|%0A|%25|::|,|:|=|\r|\n|[ -~]|\\PC){0,30}",
            message in "(%|%0A|%25|::|,|:|=|\r|\n|[ -~]|\\PC){0,60}",
        ) {
            let mut out = String::new();
            annotate(&mut out, Level::Warning, &title, &message);
            let line = out.strip_suffix('\n').unwrap();
            prop_assert!(!line.contains(['\r', '\n']), "{line:?}");
            let read = read(line);
            prop_assert_eq!(
                read,
                Some(("warning".to_owned(), vec![("title".to_owned(), title)], message))
            );
        }
    }
}
