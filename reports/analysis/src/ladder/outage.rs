//! Effect of the failure of a box or a zone on users.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::Row;

/// Effect on users while a box or a zone was gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Box or zone that was killed.
    pub killed: String,
    /// Run directory, below that of the ladder.
    pub directory: PathBuf,
    /// Offered rate, per second.
    pub rate: f64,
    /// Time for which it was gone, in seconds. Its start follows.
    pub gone_s: f64,
    /// Requests that were to be sent.
    pub planned: u64,
    /// Requests that failed, or were not sent for want of an idle user.
    pub lost: u64,
    /// Longest time without an answer to a read. `None` if too few are sent to tell.
    pub without_reads: Option<Gap>,
    /// Longest time without an answer to a write. `None` if too few are sent to tell.
    pub without_writes: Option<Gap>,
    /// Reason why it did not come back, or was not killed. `None` if all went as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Longest time without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The time, in seconds: a multiple of a second, and 0 for one that could be chance.
    pub seconds: f64,
    /// True if it lasted until the end of the load, so that it may be longer.
    pub is_open: bool,
}

/// Answers that are expected in a gap from which it is no chance: with random arrivals, one such gap in twenty is.
const EXPECTED_MIN: f64 = 3.0;

/// Answers of the whole run from which gaps are known.
const ANSWERS_MIN: u64 = 12;

impl Outage {
    /// Reads the run during which `killed` was gone for `gone_s` seconds.
    pub fn of(run: &Run, killed: &str, directory: PathBuf, (rate, gone_s): (f64, f64)) -> Self {
        let rows: Vec<&Row> = run
            .timeline
            .rows
            .iter()
            // Without the time after the last arrival, in which nothing was asked for.
            .filter(|row| run.is_counted(row.phase) && row.planned > 0)
            .collect();
        let sum = |of: fn(&Row) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
        Self {
            killed: killed.to_owned(),
            directory,
            rate,
            gone_s,
            planned: sum(|row| row.planned),
            lost: sum(|row| row.failed + row.dropped),
            without_reads: longest_gap(&rows, |row| row.reads),
            without_writes: longest_gap(&rows, |row| row.writes),
            error: None,
        }
    }

    /// Returns the share of lost requests.
    pub fn share_lost(&self) -> f64 {
        self.lost as f64 / self.planned.max(1) as f64
    }
}

/// Returns the longest time without any of what is counted, to a row; 0 for one that could be chance. The rows follow each other.
/// `None` if too few are counted.
fn longest_gap(rows: &[&Row], of: fn(&Row) -> u64) -> Option<Gap> {
    let seconds: f64 = rows.iter().map(|row| row.duration_ns as f64 / 1e9).sum();
    let counted: u64 = rows.iter().map(|row| of(row)).sum();
    if counted < ANSWERS_MIN {
        return None;
    }
    let (mut longest, mut current) = (0, 0);
    for row in rows {
        current = match of(row) {
            0 => current + row.duration_ns,
            _ => 0,
        };
        longest = longest.max(current);
    }
    let gap = longest as f64 / 1e9;
    match gap * counted as f64 / seconds >= EXPECTED_MIN {
        true => Some(Gap {
            seconds: gap,
            is_open: current == longest,
        }),
        false => Some(Gap {
            seconds: 0.0,
            is_open: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(writes: &[u64]) -> Vec<Row> {
        let row = |writes: &u64| Row {
            duration_ns: 1_000_000_000,
            writes: *writes,
            ..Row::default()
        };
        writes.iter().map(row).collect()
    }

    fn gap(writes: &[u64]) -> Option<Gap> {
        let rows = rows(writes);
        longest_gap(&rows.iter().collect::<Vec<_>>(), |row| row.writes)
    }

    #[test]
    fn longest_gap_is_that_of_consecutive_rows() {
        let found = gap(&[30, 0, 0, 10, 0, 20]).unwrap();
        assert_eq!((found.seconds, found.is_open), (2.0, false));
        let found = gap(&[30, 30, 0, 0]).unwrap();
        assert_eq!((found.seconds, found.is_open), (2.0, true));
        assert_eq!(gap(&[30, 30]).unwrap().seconds, 0.0);
    }

    #[test]
    fn few_requests_tell_nothing() {
        assert_eq!(gap(&[1, 0, 2, 0]), None);
        assert_eq!(gap(&[]), None);
        // One a second: a gap of two seconds is chance, one of six is not.
        let sparse = |zeros: usize| [vec![2; 10], vec![0; zeros], vec![2; 2]].concat();
        assert_eq!(gap(&sparse(1)).unwrap().seconds, 0.0);
        assert_eq!(gap(&sparse(6)).unwrap().seconds, 6.0);
    }
}
