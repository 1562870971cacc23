//! Figures of one request of the scenario, and of all reads or all writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::DurationSummary;
use tenfold_run_dir::counts::{ArrivalCounts, CheckCounts, TravelCounts};

use crate::latency::percentiles::{Latencies, Latency};
use crate::summary::rates::Rates;

/// Figures of all reads or all writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Arrivals by outcome.
    pub arrivals: ArrivalCounts,
    /// Offered and achieved rate.
    pub rate_per_s: Rates,
    /// Latencies.
    pub latency_ns: Latencies,
}

/// Figures of one request of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Name of the request.
    pub name: String,
    /// `read` or `write`.
    pub kind: String,
    /// HTTP method.
    pub method: String,
    /// Arrivals by outcome.
    pub arrivals: ArrivalCounts,
    /// Latencies.
    pub latency_ns: Latencies,
    /// Responses by status.
    pub statuses: BTreeMap<String, u64>,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// Results of the checks, by name; empty if the request has no checks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCounts>,
    /// Events of its streams. `None` if none arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventStreams>,
    /// Redirects, retries, connections and traces; absent if its requests were plain.
    #[serde(default, skip_serializing_if = "TravelCounts::is_empty")]
    pub travel: TravelCounts,
    /// Durations of the exchanges of redirected requests: the first, whose response is a redirect, then each
    /// further one. Empty if no redirect was followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges_ns: Vec<DurationSummary>,
}

/// Events of the streams of one request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventStreams {
    /// Time from the intended time of a request to its first event.
    pub first_event_ns: Latency,
    /// Time between two events of a stream.
    pub event_gap_ns: Latency,
    /// Time from sending a message to the last of its replies; absent unless it is a WebSocket conversation.
    #[serde(default, skip_serializing_if = "Latency::is_empty")]
    pub round_trip_ns: Latency,
    /// Events by name.
    pub by_name: BTreeMap<String, u64>,
}
