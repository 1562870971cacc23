//! `counts.json`: what became of every arrival, in whole numbers.

mod checkpoint;
pub mod connections;
mod duration_summary;
pub mod durations;
mod journey_counts;
mod key_counts;
mod request_counts;

use serde::{Deserialize, Serialize};

use connections::Connections;
use durations::RunDurations;

pub use checkpoint::Checkpoint;
pub use duration_summary::DurationSummary;
pub use journey_counts::JourneyCounts;
pub use key_counts::{KeyCounts, TopCount};
pub use request_counts::{CheckCounts, RequestCounts};

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
