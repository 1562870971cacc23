//! `host.json`: CPU and memory of the machine and of the target during a run, and other resources of the machine.

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
    /// Other resources of this machine. `None` in runs of earlier versions.
    #[serde(default)]
    pub resources: Option<HostResources>,
}

/// Resources of this machine since the previous sample. `None` if the system does not report one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostResources {
    /// Threads that ran or waited for a processor, at the end.
    pub runnable: Option<u64>,
    /// Memory that programs could still get, at the end.
    pub memory_available_bytes: Option<u64>,
    /// Page faults that had to read a disk.
    pub major_faults: Option<u64>,
    /// Bytes read from disks.
    pub disk_read_bytes: Option<u64>,
    /// Bytes written to disks.
    pub disk_written_bytes: Option<u64>,
    /// Share of the time in which the busiest disk had an operation in progress.
    pub disk_busy: Option<f64>,
    /// Bytes received and sent, loopback included.
    pub network_bytes: Option<u64>,
    /// Connections that found a listen queue full.
    pub listen_overflows: Option<u64>,
    /// TCP segments sent again.
    pub retransmits: Option<u64>,
}
