//! Effect of faults on users.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::faults::{AcknowledgedWrites, Fault};

/// Effect of faults on users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultSummary {
    /// Seed of the faults.
    pub seed: u64,
    /// The faults, in order.
    pub faults: Vec<FaultEffect>,
    /// Writes that the service acknowledged. `None` if they were not read back.
    pub writes: Option<AcknowledgedWrites>,
}

/// A fault and its effect, until the next one or the end of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultEffect {
    /// The fault.
    pub fault: Fault,
    /// Requests that ended.
    pub ended: u64,
    /// Requests that failed or were dropped.
    pub lost: u64,
    /// Requests that were answered slower than the objectives allow. `None` without objectives.
    pub slow: Option<u64>,
    /// Longest time without an answered read, in seconds. A whole number, because it is counted by second.
    pub without_reads_s: f64,
    /// Longest time without an acknowledged write, in seconds.
    pub without_writes_s: f64,
}
