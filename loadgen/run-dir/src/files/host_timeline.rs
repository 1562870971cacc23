//! `host.json`: CPU and memory of the machine and of the target during a run.

use serde::{Deserialize, Serialize};

/// CPU and memory of the machine and of the target, second by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostTimeline {
    /// Samples, in order of time.
    pub samples: Vec<HostSample>,
}

/// CPU and memory since the previous sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostSample {
    /// End of the interval, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Length of the interval, in nanoseconds.
    pub duration_ns: u64,
    /// Cores in use on this machine. `None` if the system does not report it.
    pub host_cores_used: Option<f64>,
    /// Cores taken by other virtual machines (steal). `None` if the system does not report it.
    pub host_cores_stolen: Option<f64>,
    /// CPU time of the target's process. `None` if it is not known.
    pub target_cpu_ns: Option<u64>,
    /// Resident memory of the target's process. `None` if it is not known.
    pub target_memory_bytes: Option<u64>,
}
