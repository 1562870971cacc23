//! Parser of a history that tolerates damaged lines.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::history::entry::{HISTORY_VERSION, HistoryEntry};

/// A parsed history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// Entries in order of time.
    pub entries: Vec<HistoryEntry>,
    /// Invalid lines, in order.
    pub problems: Vec<Problem>,
}

/// An invalid line, which is skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line number, from 1.
    pub line: usize,
    /// True for a last line without a line break, as after a crash or on a full disk.
    pub torn: bool,
    /// The error.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let torn = if self.torn {
            "is truncated"
        } else {
            "is not an entry"
        };
        write!(
            f,
            "line {} {torn} and is skipped: {}",
            self.line, self.reason
        )
    }
}

/// Parses a history. Skips invalid lines and reports them, so that one crash does not lose years of figures.
pub fn parse(text: &str) -> Parsed {
    let mut dated = Vec::new();
    let mut problems = Vec::new();
    let lines = text.split('\n').count();
    for (index, line) in text.split('\n').enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match entry(line) {
            Ok(entry) => dated.push(entry),
            Err(reason) => problems.push(Problem {
                line: index + 1,
                torn: index + 1 == lines,
                reason,
            }),
        }
    }
    // The file may concatenate the histories of several machines. The sort is stable.
    dated.sort_by_key(|(at, _)| *at);
    Parsed {
        entries: dated.into_iter().map(|(_, entry)| entry).collect(),
        problems,
    }
}

fn entry(line: &str) -> Result<(Timestamp, HistoryEntry), String> {
    let entry: HistoryEntry = serde_json::from_str(line).map_err(|error| error_text(&error))?;
    if entry.version != HISTORY_VERSION {
        return Err(format!(
            "it has version {}, but this tenfold reads version {HISTORY_VERSION}",
            entry.version
        ));
    }
    match entry.at.parse::<Timestamp>() {
        Ok(at) => Ok((at, entry)),
        Err(error) => Err(format!(
            "`at` is {:?}, which is not a timestamp: {error}",
            entry.at
        )),
    }
}

/// Formats an error with its column and without its line, which is always 1.
fn error_text(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match error.column() {
        0 => text.to_owned(),
        column => format!("{text} at column {column}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::history::entry::{EntryKind, HistoryMetric};

    fn entry_at(second: i64, label: &str, value: f64) -> HistoryEntry {
        let metric = HistoryMetric {
            unit: "µs".to_owned(),
            value,
            count: 28,
            ..HistoryMetric::default()
        };
        HistoryEntry {
            version: HISTORY_VERSION,
            at: Timestamp::from_second(second).unwrap().to_string(),
            kind: EntryKind::Gate,
            scenario: "feed".to_owned(),
            machine: "2 x CPU".to_owned(),
            label: label.to_owned(),
            revision: Some("1a2b3c4".to_owned()),
            verdict: "pass".to_owned(),
            metrics: BTreeMap::from([("cpu".to_owned(), metric)]),
        }
    }

    #[test]
    fn reports_and_skips_truncated_last_line() {
        let whole = entry_at(1_000, "one", 81.5).line().unwrap();
        let parsed = parse(&format!("{whole}{}", &whole[..40]));
        assert_eq!(parsed.entries.len(), 1);
        let problem = parsed.problems[0].to_string();
        assert!(
            problem.starts_with("line 2 is truncated and is skipped: EOF while parsing")
                && problem.ends_with("at column 40"),
            "{problem}"
        );
    }

    #[test]
    fn reports_invalid_lines_by_number() {
        let whole = entry_at(1_000, "one", 81.5).line().unwrap();
        let newer = whole.replace("\"version\":1", "\"version\":2");
        let undated = whole.replace("1970-01-01T00:16:40Z", "yesterday");
        let parsed = parse(&format!("{whole}\nhello\n{newer}{undated}{whole}"));
        assert_eq!(parsed.entries.len(), 2);
        let lines: Vec<(usize, bool)> = parsed.problems.iter().map(|p| (p.line, p.torn)).collect();
        assert_eq!(lines, [(3, false), (4, false), (5, false)]);
        let reasons: Vec<&str> = parsed.problems.iter().map(|p| p.reason.as_str()).collect();
        assert_eq!(reasons[0], "expected value at column 1");
        assert!(reasons[1].contains("version 2"), "{}", reasons[1]);
        assert!(reasons[2].contains("\"yesterday\""), "{}", reasons[2]);
    }

    #[test]
    fn accepts_last_line_without_line_break() {
        let whole = entry_at(1_000, "one", 81.5).line().unwrap();
        let parsed = parse(whole.trim_end());
        assert_eq!((parsed.entries.len(), parsed.problems.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn parsing_restores_order_of_time(
            entries in prop::collection::vec((0_i64..4_000_000_000, ".*", 1_u32..), 0..20),
        ) {
            let mut entries: Vec<HistoryEntry> = entries
                .iter()
                .map(|(second, label, value)| entry_at(*second, label, f64::from(*value) / 8.0))
                .collect();
            let text: String = entries.iter().map(|entry| entry.line().unwrap()).collect();
            let parsed = parse(&text);
            entries.sort_by_key(|entry| entry.at.parse::<Timestamp>().unwrap());
            prop_assert_eq!(parsed.entries, entries);
            prop_assert!(parsed.problems.is_empty());
        }

        #[test]
        fn every_line_is_an_entry_or_a_problem(text in "(\\{\"version\":1\\}|[ -~]|\n){0,200}") {
            let parsed = parse(&text);
            let lines = text.split('\n').filter(|line| !line.trim().is_empty()).count();
            prop_assert_eq!(parsed.entries.len() + parsed.problems.len(), lines);
        }

        #[test]
        fn truncation_loses_only_last_line(cut in 0_usize..600) {
            let text: String = (0..3)
                .map(|second| entry_at(second, "é\n", 1.0).line().unwrap())
                .collect();
            let cut = text.floor_char_boundary(cut.min(text.len()));
            let parsed = parse(&text[..cut]);
            let whole = text[..cut].matches('\n').count();
            prop_assert!(parsed.entries.len() >= whole);
            prop_assert!(parsed.problems.iter().all(|problem| problem.torn));
        }
    }
}
