//! `balancers.json`: the traffic of a stage's load balancers during a run.

use serde::{Deserialize, Serialize};

/// Traffic of a load balancer, from before the first request to after the last, warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BalancerUse {
    /// Name of its box in the manifest.
    pub name: String,
    /// Servers that it balances.
    pub servers: Vec<ServerUse>,
    /// Lookups in its own cache.
    pub cache_lookups: u64,
    /// Cache hits.
    pub cache_hits: u64,
}

/// Traffic to one of the servers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerUse {
    /// List of servers that it belongs to, such as `web`.
    pub list: String,
    /// Name of its box.
    pub name: String,
    /// `true` if requests are balanced one by one, `false` if connections are.
    pub takes_requests: bool,
    /// Requests or connections sent to it.
    pub sent: u64,
    /// Failed connections and responses.
    pub failed: u64,
    /// Retries after a failed connection, to it or to another server.
    pub retried: u64,
    /// Times that it was marked as down.
    pub times_down: u64,
    /// Time that it was marked as down, in seconds.
    pub down_s: u64,
    /// `true` if it gets requests only while the others are down.
    #[serde(default)]
    pub is_backup: bool,
    /// Responses that a rule refused.
    #[serde(default)]
    pub denied: u64,
    /// Most requests or connections in its queue at once. `None` if the run had fewer than the balancer had seen before.
    #[serde(default)]
    pub queued_max: Option<u64>,
    /// Most requests or connections in flight at once. `None` if the run had fewer than the balancer had seen before.
    #[serde(default)]
    pub in_flight_max: Option<u64>,
    /// Mean wait in its queue, of the last 1,024 requests, in milliseconds. `None` if it is not reported.
    #[serde(default)]
    pub queue_ms: Option<u64>,
    /// Mean time to connect to it, of the last 1,024 requests, in milliseconds. `None` if it is not reported.
    #[serde(default)]
    pub connect_ms: Option<u64>,
    /// Mean time to the head of its response, of the last 1,024 requests, in milliseconds. `None` if it is not reported.
    #[serde(default)]
    pub answer_ms: Option<u64>,
}
