//! `counts.json`: the outcome of every arrival, in whole numbers.

mod arrival_counts;
mod checkpoint;
pub mod connections;
mod duration_summary;
pub mod durations;
mod failure_class;
mod journey_counts;
mod key_counts;
mod merged;
mod request_counts;
mod traced_request;
mod travel_counts;

use serde::{Deserialize, Serialize};

use connections::Connections;
use durations::RunDurations;

pub use arrival_counts::ArrivalCounts;
pub use checkpoint::Checkpoint;
pub use duration_summary::DurationSummary;
pub use failure_class::{Blame, FAILURE_CLASSES, blame, blamed_on};
pub use journey_counts::JourneyCounts;
pub use key_counts::{KeyCounts, TopCount};
pub use request_counts::{CheckCounts, RequestCounts};
pub use traced_request::{TracedRequest, keep_notable};
pub use travel_counts::{HopTimes, TravelCounts};

/// The outcome of every arrival, and the cost of sending them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Counts by phase, then by request, in the manifest's order.
    pub phases: Vec<Vec<RequestCounts>>,
    /// Reason for an early end. `None` if the run completed.
    pub interrupted: Option<String>,
    /// Extent of the recording while the run has not ended. Stays if the generator is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// `true` if this generator of several ended without completing its record, or could not be reached until the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Rule that aborted the run. `None` if no rule did, and in runs of earlier versions.
    #[serde(default)]
    pub aborted: Option<Aborted>,
    /// Time from the first intended arrival to the end of the last response.
    pub elapsed_ns: u64,
    /// Integral over time of the number of requests in flight (sent, not done), in nanosecond-requests.
    ///
    /// Divided by time, it is the mean number in flight, which by Little's law equals rate times mean service time.
    pub in_flight_ns: u64,
    /// Sum of the service times of all requests that ended, failed ones included.
    pub service_sum_ns: u64,
    /// Uncounted requests sent before the first arrival, to log sessions in.
    pub set_up_requests: u64,
    /// The target's own request counter. `None` if it has none.
    pub server_counter: Option<ServerCounter>,
    /// Resources that the generator used.
    pub generator: GeneratorUsage,
    /// Shortest time that a dropped arrival had waited, from its intended time. `None` if none was dropped, and in runs
    /// of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_after_ns_min: Option<u64>,
    /// Requests by key space, in the manifest's order.
    pub keys: Vec<KeyCounts>,
    /// Requests completed while a counted phase lasted. `None` in runs of earlier versions.
    #[serde(default)]
    pub in_time: Option<InTime>,
    /// Connections to the target. `None` in runs of earlier versions.
    #[serde(default)]
    pub connections: Option<Connections>,
    /// Durations that the interval log does not hold. `None` in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durations: Option<RunDurations>,
    /// Bytes written and read. `None` in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Outcomes of journeys, in the scenario's order. Empty if the scenario has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneyCounts>,
    /// Durations of the exchanges of redirected requests. Empty if no redirect was followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<HopTimes>,
    /// The slowest requests and some failed ones, with their trace ids. Empty if none had a `traceparent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<TracedRequest>,
}

/// A rule that ended a run early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aborted {
    /// Index into the manifest's rules.
    pub rule: usize,
    /// Time of the abort, in nanoseconds since the start.
    pub at_ns: u64,
    /// Value measured by then, in the unit of the rule's limit: nanoseconds or a fraction.
    pub measured: f64,
    /// Samples behind the value.
    pub samples: u64,
}

/// Requests completed while a counted phase lasted, regardless of the phase their arrivals belong to.
///
/// The timeline can't answer this, since its rows do not end with the phases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTime {
    /// Reads completed.
    pub reads: u64,
    /// Writes completed.
    pub writes: u64,
}

/// Bytes written to connections and read from them, warm-up included: heads, bodies and framing, without TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes written.
    pub sent_bytes: u64,
    /// Bytes read.
    pub received_bytes: u64,
}

/// The target's own request counter, read before the first arrival and after the last response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerCounter {
    /// Name of the metric.
    pub name: String,
    /// Value before the first arrival.
    pub before: u64,
    /// Value after the last response.
    pub after: u64,
}

/// Resources that the generator used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorUsage {
    /// User and system CPU time of the generator's process while it sent arrivals.
    pub cpu_ns: u64,
    /// Wall time of that measurement.
    pub wall_ns: u64,
    /// Peak resident memory.
    pub peak_memory_bytes: u64,
    /// Connections opened.
    pub connections: u64,
    /// Users that had a connection, at the peak.
    pub users_used: u64,
    /// Longest quantum that the pacer chose. `None` in the closed model.
    pub quantum_ns: Option<u64>,
    /// Shortest quantum that the pacer chose. `None` in the closed model.
    #[serde(default)]
    pub shortest_quantum_ns: Option<u64>,
}
