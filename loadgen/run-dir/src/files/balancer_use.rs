//! Where the balancers of a stage sent what a run sent to it.

use serde::{Deserialize, Serialize};

/// What a balancer counted from before the first request to after the last, the warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BalancerUse {
    /// Its box, as in the manifest.
    pub name: String,
    /// Those that it sends to.
    pub servers: Vec<ServerUse>,
    /// Answers that it looked for in its own cache.
    pub cache_lookups: u64,
    /// Those that it found there.
    pub cache_hits: u64,
}

/// What a balancer counted of one that it sends to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerUse {
    /// The list of servers that it is in, such as `web`.
    pub list: String,
    /// The box.
    pub name: String,
    /// Whether it is sent requests, each by itself, rather than connections that may be kept.
    pub takes_requests: bool,
    /// Requests, or connections, that it was sent.
    pub sent: u64,
    /// Connections to it, and answers of it, that failed.
    pub failed: u64,
    /// How often what did not reach it was tried again, or sent to another.
    pub retried: u64,
    /// How often it was thought lost.
    pub times_down: u64,
    /// How long it was thought lost, in seconds.
    pub down_s: u64,
}
