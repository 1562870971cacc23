//! What became of a group of arrivals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::RequestCounts;

/// What became of a group of arrivals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Arrivals that were due.
    pub planned: u64,
    /// Those that a user took up to send them.
    pub sent: u64,
    /// Those of them that failed before a connection had them, so that nothing of them reached the
    /// service: none could be opened, or there was nothing to be sent. 0 in a run of an older version.
    #[serde(default)]
    pub not_written: u64,
    /// Those answered as expected.
    pub completed: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those never sent, because every user was busy for too long.
    pub dropped: u64,
    /// Those still unanswered when the run ended.
    pub in_flight: u64,
}

impl Arrivals {
    /// Returns the share that came to nothing: failed or dropped, of all that came to an end.
    /// None where nothing did.
    ///
    /// A dropped arrival counts: whoever stands behind it got no answer.
    pub fn errors(&self) -> Option<f64> {
        let lost = self.failed + self.dropped;
        let ended = lost + self.completed;
        (ended > 0).then(|| lost as f64 / ended as f64)
    }
}

impl From<&RequestCounts> for Arrivals {
    fn from(counts: &RequestCounts) -> Self {
        Self {
            planned: counts.planned,
            sent: counts.sent,
            not_written: counts.not_written,
            completed: counts.completed,
            failed: counts.failed,
            dropped: counts.dropped,
            in_flight: counts.in_flight,
        }
    }
}

/// Names statuses the way JSON can hold them.
pub(crate) fn named_statuses(statuses: &BTreeMap<u16, u64>) -> BTreeMap<String, u64> {
    statuses
        .iter()
        .map(|(status, count)| (status.to_string(), *count))
        .collect()
}
