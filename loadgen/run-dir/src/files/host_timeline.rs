//! `host.json`: CPU and memory of the machine and of the target during a run, and other resources of the machine.

use serde::{Deserialize, Serialize};

/// CPU and memory of the machine and of the target, second by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostTimeline {
    /// Samples, in order of time.
    pub samples: Vec<HostSample>,
    /// Other processes of this machine that used most CPU, the busiest first. Empty in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherProcess>,
    /// The boxes of a stage, second by second. Empty without a stage, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxTimeline>,
}

/// A box of a stage, second by second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxTimeline {
    /// Name of the box in the manifest.
    pub name: String,
    /// Samples, in order of time.
    pub samples: Vec<BoxSample>,
}

/// Resources of a box since the previous sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BoxSample {
    /// End of the interval, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Length of the interval, in nanoseconds.
    pub duration_ns: u64,
    /// CPU time of its processes. `None` once they have ended.
    pub cpu_ns: Option<u64>,
    /// Resident memory of its processes. `None` once they have ended.
    pub memory_bytes: Option<u64>,
    /// Its limits, and their use. `None` if they are not known.
    pub limits: Option<TargetLimits>,
}

/// A process that is neither the generator nor one of the target, over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherProcess {
    /// Name of its program, of at most 15 characters.
    pub name: String,
    /// Mean number of cores in use.
    pub cores_used: f64,
    /// True if the target was seen connected to it by TCP.
    pub is_peer: bool,
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
    /// Limits of the target's processes, and their use. `None` in runs of earlier versions, or if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_limits: Option<TargetLimits>,
    /// Other resources of this machine. `None` in runs of earlier versions.
    #[serde(default)]
    pub resources: Option<HostResources>,
}

/// Limits of the target's processes, and their use since the previous sample. `None` if the system does not report one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetLimits {
    /// Open files at the end: of the process that is nearest to its limit.
    pub open_files: Option<u64>,
    /// Most files that this process may open.
    pub open_files_allowed: Option<u64>,
    /// Page faults that had to read a disk, of all processes.
    pub major_faults: Option<u64>,
    /// Cores that the control group may use. `None` without such a limit.
    pub cores_allowed: Option<f64>,
    /// Time that the control group was throttled, summed over its processors. `None` without a limit.
    pub throttled_ns: Option<u64>,
    /// Memory of the control group at the end, caches of files included.
    pub memory_bytes: Option<u64>,
    /// Most memory that the control group may use. `None` without a limit.
    pub memory_allowed_bytes: Option<u64>,
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
