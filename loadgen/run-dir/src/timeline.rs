//! `timeline.json`: one row a second of the run.

use serde::{Deserialize, Serialize};

/// The run, second by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The rows, in order of time, without a gap.
    pub rows: Vec<Row>,
}

/// What happened in one interval of the run.
///
/// `planned` is counted where an arrival was intended, `sent` where it was sent, `completed`,
/// `failed` and the latencies where it was done: so a stall shows as rates that part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// When it begins.
    pub start_ns: u64,
    /// How long it lasts.
    pub duration_ns: u64,
    /// Index of the phase it begins in.
    pub phase: usize,
    /// Arrivals intended.
    pub planned: u64,
    /// Arrivals sent.
    pub sent: u64,
    /// Reads completed.
    pub reads: u64,
    /// Writes completed.
    pub writes: u64,
    /// Requests failed.
    pub failed: u64,
    /// Arrivals dropped.
    pub dropped: u64,
    /// Requests in flight at its end.
    pub in_flight: u64,
    /// Arrivals waiting for an idle user at its end.
    pub waiting: u64,
    /// CPU time of the generator's process.
    pub generator_cpu_ns: u64,
}
