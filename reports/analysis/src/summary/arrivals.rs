//! Arrivals by outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::RequestCounts;

/// Arrivals by outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Arrivals that the schedule planned.
    pub planned: u64,
    /// Arrivals that a user started to send.
    pub sent: u64,
    /// Sent arrivals that failed before anything was written to a connection: no connection could be
    /// opened, or the request could not be built. 0 for a run of an older version.
    #[serde(default)]
    pub not_written: u64,
    /// Requests with the expected response.
    pub completed: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Arrivals that were never sent, because every user was busy for too long.
    pub dropped: u64,
    /// Requests without a response at the end of the run.
    pub in_flight: u64,
}

impl Arrivals {
    /// Returns the error rate: failed and dropped arrivals, as a share of all that ended. `None` if none
    /// ended.
    ///
    /// A dropped arrival counts as an error, because its user got no response.
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

/// Converts status codes to strings, the key type of JSON objects.
pub(crate) fn named_statuses(statuses: &BTreeMap<u16, u64>) -> BTreeMap<String, u64> {
    statuses
        .iter()
        .map(|(status, count)| (status.to_string(), *count))
        .collect()
}
