//! Extent of the recording of a run that has not ended: part of `counts.json`.

use serde::{Deserialize, Serialize};

use crate::files::timeline::Row;

/// Extent of the recording of a run that has not ended.
///
/// The generator writes counts and timeline every few seconds. They belong to the moment at which the interval log had
/// this length; intervals beyond it are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Time of the checkpoint, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Arrivals that were due and neither sent nor dropped.
    pub not_sent: u64,
    /// Length of the interval log. `None` if the whole log counts, as in a merged run.
    pub log_bytes: Option<u64>,
}

impl Checkpoint {
    /// Returns whether a row of the timeline is recorded. A row counts once half of it has passed.
    pub fn holds(&self, row: &Row) -> bool {
        self.at_ns >= row.start_ns.saturating_add(row.duration_ns / 2)
    }

    /// Describes the end of a run whose recording ends here.
    pub fn description(&self) -> String {
        format!(
            "the generator was killed or the machine stopped, unless it runs still; recorded up to {} s",
            self.at_ns / 1_000_000_000
        )
    }

    /// Combines this with the checkpoint of another generator's part of the same run.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            at_ns: self.at_ns.min(other.at_ns),
            not_sent: self.not_sent + other.not_sent,
            log_bytes: None,
        }
    }
}
