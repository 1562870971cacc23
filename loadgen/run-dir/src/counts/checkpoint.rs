//! How far a run was recorded that did not come to record its end: part of `counts.json`.

use serde::{Deserialize, Serialize};

use crate::files::timeline::Row;

/// How far a run is recorded that has not recorded its end.
///
/// While a run goes on, its counts and its time line are written every few seconds; they are those of
/// the moment at which the interval log was this long. What the log holds beyond that is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When it was taken.
    pub at_ns: u64,
    /// Arrivals that were due and neither sent nor dropped by then.
    pub not_sent: u64,
    /// How long the interval log was; none where the log holds nothing beyond, as that of a merged run.
    pub log_bytes: Option<u64>,
}

impl Checkpoint {
    /// Tells whether a row of the time line is of what was recorded: one of which less than half had
    /// passed is no row of its own yet.
    pub fn holds(&self, row: &Row) -> bool {
        self.at_ns >= row.start_ns.saturating_add(row.duration_ns / 2)
    }

    /// Tells in words what became of a run whose record ends here.
    pub fn words(&self) -> String {
        format!(
            "the generator was killed or the machine stopped, unless it runs still; recorded up to {} s",
            self.at_ns / 1_000_000_000
        )
    }

    /// Adds how far another generator's run was recorded that is a part of the same.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            at_ns: self.at_ns.min(other.at_ns),
            not_sent: self.not_sent + other.not_sent,
            log_bytes: None,
        }
    }
}
