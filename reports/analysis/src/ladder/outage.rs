//! What users see of a box or a zone that fails.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::Row;

/// What users saw while a box or a zone was gone.
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
    /// Longest time without an answer to a read, in seconds.
    pub without_reads_s: f64,
    /// Longest time without an answer to a write, in seconds.
    pub without_writes_s: f64,
    /// Reason why it was not killed or did not come back. `None` if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Outage {
    /// Reads the run during which `killed` was gone for `gone_s` seconds.
    pub fn of(run: &Run, killed: &str, directory: PathBuf, (rate, gone_s): (f64, f64)) -> Self {
        let rows: Vec<&Row> = run
            .timeline
            .rows
            .iter()
            .filter(|row| run.is_counted(row.phase))
            .collect();
        let sum = |of: fn(&Row) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
        Self {
            killed: killed.to_owned(),
            directory,
            rate,
            gone_s,
            planned: sum(|row| row.planned),
            lost: sum(|row| row.failed + row.dropped),
            without_reads_s: longest_gap_s(&rows, |row| row.reads),
            without_writes_s: longest_gap_s(&rows, |row| row.writes),
            error: None,
        }
    }

    /// Returns the share of lost requests.
    pub fn share_lost(&self) -> f64 {
        self.lost as f64 / self.planned.max(1) as f64
    }
}

/// Returns the longest time without any of what is counted, in seconds, to a row. The rows follow each other.
fn longest_gap_s(rows: &[&Row], of: fn(&Row) -> u64) -> f64 {
    let (mut longest, mut current) = (0, 0);
    for row in rows {
        current = match of(row) {
            0 => current + row.duration_ns,
            _ => 0,
        };
        longest = longest.max(current);
    }
    longest as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_gap_is_that_of_consecutive_rows() {
        let row = |writes| Row {
            duration_ns: 500_000_000,
            writes,
            ..Row::default()
        };
        let rows = [3, 0, 0, 1, 0, 2].map(row);
        let rows: Vec<&Row> = rows.iter().collect();
        assert_eq!(longest_gap_s(&rows, |row| row.writes), 1.0);
        assert_eq!(longest_gap_s(&rows, |row| row.reads), 3.0);
        assert_eq!(longest_gap_s(&[], |row| row.reads), 0.0);
    }
}
