//! Outcomes of the arrivals of one request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::travel_counts::TravelCounts;

/// Outcomes of the arrivals of one request in one phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Arrivals that were due.
    pub planned: u64,
    /// Arrivals that a user took up to send.
    pub sent: u64,
    /// Sent arrivals that failed before anything was written, because no connection could be opened or the request could
    /// not be built. The service saw nothing of them. 0 in runs of earlier versions.
    #[serde(default)]
    pub not_written: u64,
    /// Requests answered as expected, to the end of the body.
    pub completed: u64,
    /// Requests that failed, for any reason.
    pub failed: u64,
    /// Arrivals never sent, because every user was busy for too long.
    pub dropped: u64,
    /// Requests still in flight when the run ended.
    pub in_flight: u64,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// Responses by status, expected or not.
    pub statuses: BTreeMap<u16, u64>,
    /// Failures by class. [`FAILURE_CLASSES`](super::FAILURE_CLASSES) has the classes of this version, and the side that
    /// each is blamed on.
    pub failures: BTreeMap<String, u64>,
    /// Outcomes of checks, by name. Empty in runs of earlier versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCounts>,
    /// Events of streams, by name; beyond 32 names, as `(other)`. Empty without streams.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, u64>,
    /// Redirects, retries, connections and traces. All 0 if its requests were plain.
    #[serde(default, skip_serializing_if = "TravelCounts::is_empty")]
    pub travel: TravelCounts,
}

impl RequestCounts {
    /// Adds other counts to these.
    pub fn add(&mut self, other: &RequestCounts) {
        self.planned += other.planned;
        self.sent += other.sent;
        self.not_written += other.not_written;
        self.completed += other.completed;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.in_flight += other.in_flight;
        self.travel.add(&other.travel);
        self.body_bytes += other.body_bytes;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (class, count) in &other.failures {
            *self.failures.entry(class.clone()).or_default() += count;
        }
        for (name, count) in &other.events {
            *self.events.entry(name.clone()).or_default() += count;
        }
        for (name, counts) in &other.checks {
            let sum = self.checks.entry(name.clone()).or_default();
            sum.passed += counts.passed;
            sum.failed += counts.failed;
        }
    }
}

/// Outcomes of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Responses that passed it.
    pub passed: u64,
    /// Responses that failed it.
    pub failed: u64,
}
