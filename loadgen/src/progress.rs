//! How a run stands, for somebody who watches.

use std::time::Duration;

/// How a run stands, told once a second.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// Length of all phases.
    pub total: Duration,
    /// Index of the phase that is under way.
    pub phase: usize,
    /// Arrivals due since the last time, per second.
    pub offered_per_s: f64,
    /// Requests completed since the last time, per second.
    pub achieved_per_s: f64,
    /// Median response time since the last time, in nanoseconds; none where nothing was done.
    pub p50_ns: Option<u64>,
    /// 99th percentile of it; none where fewer than ten samples lie beyond.
    pub p99_ns: Option<u64>,
    /// 99th percentile of the generator's lag; likewise.
    pub lag_p99_ns: Option<u64>,
    /// Requests completed since the start.
    pub completed: u64,
    /// Requests failed since the start.
    pub failed: u64,
    /// Arrivals dropped since the start.
    pub dropped: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Arrivals waiting for an idle user.
    pub waiting: u64,
}
