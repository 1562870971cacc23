//! What became of the arrivals of one request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of the arrivals of one request in one phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Arrivals that were due.
    pub planned: u64,
    /// Those that a user took up to send them.
    pub sent: u64,
    /// Those of them that failed before a connection had them, so that nothing of them reached the
    /// service: none could be opened, or there was nothing to be sent. 0 in a run of an older version.
    #[serde(default)]
    pub not_written: u64,
    /// Those answered as expected, to the end of the body.
    pub completed: u64,
    /// Those that failed, for whatever reason.
    pub failed: u64,
    /// Those never sent, because every user was busy for too long.
    pub dropped: u64,
    /// Those sent and neither answered nor failed when the run ended.
    pub in_flight: u64,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// Answers by status, expected or not.
    pub statuses: BTreeMap<u16, u64>,
    /// Failures by class: `timeout`, `connect`, `tls`, `connection`, `short_body`, `malformed`,
    /// `unexpected_status` and others that the generator names.
    pub failures: BTreeMap<String, u64>,
    /// What came of its checks, by name; none in a run of an older version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCounts>,
}

impl RequestCounts {
    /// Adds another's counts to these.
    pub fn add(&mut self, other: &RequestCounts) {
        self.planned += other.planned;
        self.sent += other.sent;
        self.not_written += other.not_written;
        self.completed += other.completed;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.in_flight += other.in_flight;
        self.body_bytes += other.body_bytes;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (class, count) in &other.failures {
            *self.failures.entry(class.clone()).or_default() += count;
        }
        for (name, counts) in &other.checks {
            let sum = self.checks.entry(name.clone()).or_default();
            sum.passed += counts.passed;
            sum.failed += counts.failed;
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Answers that passed it.
    pub passed: u64,
    /// Answers that failed it.
    pub failed: u64,
}
