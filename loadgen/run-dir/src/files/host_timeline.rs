//! `host.json`: what the machine and the target's process did meanwhile.

use serde::{Deserialize, Serialize};

/// What the machine and the target's process did, second by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostTimeline {
    /// The samples, in order of time.
    pub samples: Vec<HostSample>,
}

/// What happened since the sample before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostSample {
    /// When the stretch ends, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// How long the stretch is.
    pub duration_ns: u64,
    /// Processors' worth of CPU time in use on this machine; none where the system does not tell.
    pub host_cores_used: Option<f64>,
    /// Processors' worth of CPU time taken by others than this machine (steal); likewise.
    pub host_cores_stolen: Option<f64>,
    /// CPU time of the target's process; none where it does not tell.
    pub target_cpu_ns: Option<u64>,
    /// Resident memory of the target's process; likewise.
    pub target_memory_bytes: Option<u64>,
}
