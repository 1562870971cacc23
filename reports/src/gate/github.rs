//! Annotations, as GitHub's runner reads them from a step's output.

use std::fmt::Write as _;

use tenfold_analysis::gate::{Conclusion, GateOutcome, GateVerdict, Role};

use crate::gate::figures;
use crate::sentence::Tone;

/// How an annotation is shown.
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

/// Renders an annotation of the verdict, and one of each gated metric that failed or is better, a line
/// each. Nothing is an error where the gate is advisory.
pub fn render(outcome: &GateOutcome) -> String {
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
    annotate(
        &mut out,
        level,
        &title,
        &format!("{}{next}", outcome.sentence),
    );
    let others = outcome.bad_days.iter();
    for day in others.filter(|day| day.sentence() != outcome.sentence) {
        let level = match day.conclusion() {
            Conclusion::TooNoisy => Level::Warning,
            _ => bad,
        };
        annotate(&mut out, level, &outcome.scenario, &day.sentence());
    }
    if !outcome.verdict.has_figures() {
        return out;
    }
    let Some(decision) = &outcome.decision else {
        return out;
    };
    let judged = decision
        .metrics
        .iter()
        .map(|result| (result.metric.role, result.verdict, result.improved))
        .chain(
            decision
                .failures
                .iter()
                .map(|result| (result.rule.role, result.verdict, result.improved)),
        );
    for (row, (role, verdict, improved)) in figures::rows(decision).iter().zip(judged) {
        let level = match (role, verdict, improved) {
            (Role::Gated, GateVerdict::Fail, _) => bad,
            (Role::Gated, GateVerdict::Pass, true) => Level::Notice,
            _ => continue,
        };
        annotate(
            &mut out,
            level,
            &format!("{}: {} {}", outcome.scenario, row.name, row.effect),
            &format!(
                "{} to {}, {} (interval {}): {}",
                row.baseline, row.candidate, row.effect, row.interval, row.reason
            ),
        );
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

/// Escapes a message as the runner reads it: a per cent sign, and what would end the line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property: also what would end it or the properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A command, its properties and its message.
    type Command = (String, Vec<(String, String)>, String);

    /// Reads a line as the runner does (actions/runner, `ActionCommand.TryParseV2`): the properties end
    /// at the first `::` after the command, and are parted by commas.
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
    fn escapes_are_the_runners() {
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
        fn what_is_annotated_reads_back(
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
