//! Reading a history, whatever became of the file.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::history::entry::{HISTORY_VERSION, HistoryEntry};

/// What a text holds of a history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The entries in order of time.
    pub entries: Vec<HistoryEntry>,
    /// The lines that are none, in order.
    pub problems: Vec<Problem>,
}

/// A line that is no entry. It is skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its number, from 1.
    pub line: usize,
    /// Whether it is the last and has no end, as after a crash or on a full disk.
    pub torn: bool,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let torn = if self.torn {
            "was cut short"
        } else {
            "is no entry"
        };
        write!(
            f,
            "line {} {torn} and is skipped: {}",
            self.line, self.reason
        )
    }
}

/// Reads a history. A line that is no entry is told and skipped, so that one crash does not cost years
/// of figures.
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
    // Files of several machines may have been joined; of one moment, the order of the file stands.
    dated.sort_by_key(|(at, _)| *at);
    Parsed {
        entries: dated.into_iter().map(|(_, entry)| entry).collect(),
        problems,
    }
}

fn entry(line: &str) -> Result<(Timestamp, HistoryEntry), String> {
    let entry: HistoryEntry = serde_json::from_str(line).map_err(|error| told(&error))?;
    if entry.version != HISTORY_VERSION {
        return Err(format!(
            "it has version {}, and this tenfold reads version {HISTORY_VERSION}",
            entry.version
        ));
    }
    match entry.at.parse::<Timestamp>() {
        Ok(at) => Ok((at, entry)),
        Err(error) => Err(format!("`at` is {:?}, which is no time: {error}", entry.at)),
    }
}

/// Says an error with its column; its line would always be the first.
fn told(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    match error.column() {
        0 => said.to_owned(),
        column => format!("{said} at column {column}"),
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
    fn a_torn_last_line_is_told_and_skipped() {
        let whole = entry_at(1_000, "one", 81.5).line().unwrap();
        let parsed = parse(&format!("{whole}{}", &whole[..40]));
        assert_eq!(parsed.entries.len(), 1);
        let told = parsed.problems[0].to_string();
        assert!(
            told.starts_with("line 2 was cut short and is skipped: EOF while parsing")
                && told.ends_with("at column 40"),
            "{told}"
        );
    }

    #[test]
    fn what_is_no_entry_is_told_with_its_line() {
        let whole = entry_at(1_000, "one", 81.5).line().unwrap();
        let newer = whole.replace("\"version\":1", "\"version\":2");
        let undated = whole.replace("1970-01-01T00:16:40Z", "yesterday");
        let parsed = parse(&format!("{whole}\nhello\n{newer}{undated}{whole}"));
        assert_eq!(parsed.entries.len(), 2);
        let told: Vec<(usize, bool)> = parsed.problems.iter().map(|p| (p.line, p.torn)).collect();
        assert_eq!(told, [(3, false), (4, false), (5, false)]);
        let reasons: Vec<&str> = parsed.problems.iter().map(|p| p.reason.as_str()).collect();
        assert_eq!(reasons[0], "expected value at column 1");
        assert!(reasons[1].contains("version 2"), "{}", reasons[1]);
        assert!(reasons[2].contains("\"yesterday\""), "{}", reasons[2]);
    }

    #[test]
    fn an_entry_without_a_line_end_is_one() {
        let whole = entry_at(1_000, "one", 81.5).line().unwrap();
        let parsed = parse(whole.trim_end());
        assert_eq!((parsed.entries.len(), parsed.problems.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_in_order_of_time(
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
        fn a_cut_costs_no_line_but_the_last(cut in 0_usize..600) {
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
