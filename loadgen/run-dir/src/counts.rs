//! `counts.json`: what became of every arrival, in whole numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::connections::Connections;
use crate::durations::RunDurations;

/// What became of every arrival, and what it took to send them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// For each phase, for each request, in the manifest's order.
    pub phases: Vec<Vec<RequestCounts>>,
    /// Whether the run was ended early, and by what, in words.
    pub interrupted: Option<String>,
    /// How far it is recorded, where its end is not: the generator was killed, or runs still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The rule that ended it; none where it was not ended by one, or by an older version.
    #[serde(default)]
    pub aborted: Option<Aborted>,
    /// From the first intended time to the end of the last response.
    pub elapsed_ns: u64,
    /// Integral over time of the number of requests in flight (sent, not done), in
    /// nanosecond-requests: divided by time it is the mean number in flight, which Little's law
    /// holds against rate times mean service time.
    pub in_flight_ns: u64,
    /// Sum of the service times of all requests that ended, however they ended.
    pub service_sum_ns: u64,
    /// Requests sent but not counted before the first arrival: sessions that log in.
    pub set_up_requests: u64,
    /// The target's own counter of requests, where it has one.
    pub server_counter: Option<ServerCounter>,
    /// What sending took.
    pub generator: GeneratorUsage,
    /// By key space, in the manifest's order.
    pub keys: Vec<KeyCounts>,
    /// What was answered while the counted phases lasted; none in a run of an older version.
    #[serde(default)]
    pub in_time: Option<InTime>,
    /// How the target was talked to; none in a run of an older version.
    #[serde(default)]
    pub connections: Option<Connections>,
    /// What took how long, beside the interval log; none in a run of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durations: Option<RunDurations>,
    /// What was written and read; none in a run of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// What became of journeys, in the scenario's order; none where requests come one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneyCounts>,
}

/// A rule that ended a run before its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aborted {
    /// Index into the manifest's rules.
    pub rule: usize,
    /// When, in nanoseconds since the start.
    pub at_ns: u64,
    /// What was measured by then, in the unit of the rule's limit: nanoseconds or a fraction.
    pub measured: f64,
    /// Samples behind it.
    pub samples: u64,
}

/// Answers as expected that were complete while a counted phase lasted, whichever phase their
/// arrivals belong to: the rows of the time line do not end where phases do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTime {
    /// Reads among them.
    pub reads: u64,
    /// Writes among them.
    pub writes: u64,
}

/// What was written to connections and read from them, warm-up included: heads, bodies and what frames
/// them, as it is before TLS and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes written.
    pub sent_bytes: u64,
    /// Bytes read.
    pub received_bytes: u64,
}

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

/// What came of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Answers that passed it.
    pub passed: u64,
    /// Answers that failed it.
    pub failed: u64,
}

/// What became of the journeys of one name, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JourneyCounts {
    /// The journey's name.
    pub name: String,
    /// Journeys begun.
    pub begun: u64,
    /// Those that came to their last step.
    pub completed: u64,
    /// Those that ended with a request that failed, where the scenario has it so.
    pub failed: u64,
    /// Those that had to be cut off, as by a loop that found no end.
    pub cut_off: u64,
    /// Those that were under way when the run ended.
    pub unfinished: u64,
    /// Why the first of them was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off_because: Option<String>,
}

impl JourneyCounts {
    /// Adds what became of the same journeys elsewhere.
    pub fn add(&mut self, other: &JourneyCounts) {
        self.begun += other.begun;
        self.completed += other.completed;
        self.failed += other.failed;
        self.cut_off += other.cut_off;
        self.unfinished += other.unfinished;
        if self.cut_off_because.is_none() {
            self.cut_off_because.clone_from(&other.cut_off_because);
        }
    }
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

/// The target's own counter of requests, read before the first arrival and after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerCounter {
    /// The metric's name.
    pub name: String,
    /// Its value before the first arrival.
    pub before: u64,
    /// Its value after the last response.
    pub after: u64,
}

/// What sending took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorUsage {
    /// User and system CPU time of the generator's process while arrivals were sent.
    pub cpu_ns: u64,
    /// Wall time over which that was measured.
    pub wall_ns: u64,
    /// Peak resident memory.
    pub peak_memory_bytes: u64,
    /// Connections opened.
    pub connections: u64,
    /// Most users that had a connection.
    pub users_used: u64,
    /// The pacer's quantum, the longest that it chose; none in the closed model.
    pub quantum_ns: Option<u64>,
    /// The shortest that it chose.
    #[serde(default)]
    pub shortest_quantum_ns: Option<u64>,
}

/// How often each of the popular keys of one key space was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyCounts {
    /// Counted requests with a key of this space.
    pub requests: u64,
    /// Requests for the keys of rank 1, 2, ... 10.
    pub first_ranks: Vec<u64>,
    /// For each k of 1, 10, 100, ..., up to the number of keys: requests for the k most popular.
    pub top: Vec<TopCount>,
}

/// Requests for the most popular keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopCount {
    /// How many keys.
    pub top: u64,
    /// Requests for them.
    pub requests: u64,
}
