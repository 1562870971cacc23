//! `faults.json`: faults during a run, and whether acknowledged writes survived.

use serde::{Deserialize, Serialize};

/// Faults during a run, and whether acknowledged writes survived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// Seed of the faults.
    pub seed: u64,
    /// The faults, in order.
    pub faults: Vec<Fault>,
    /// Writes that the service acknowledged. `None` if they were not read back.
    pub writes: Option<AcknowledgedWrites>,
}

/// Something that was broken, and repaired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Part that failed: the name of a box or zone, or `disk`.
    pub victim: String,
    /// Names of the boxes that were killed.
    #[serde(default)]
    pub boxes: Vec<String>,
    /// Time of the fault, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Time at which the repair began. `None` if it did not.
    pub repaired_ns: Option<u64>,
    /// Time at which the repair had succeeded. `None` if it did not.
    pub up_ns: Option<u64>,
    /// Reason why it was not broken or not repaired. `None` if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Writes that the service acknowledged, read back after the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedWrites {
    /// Number of them.
    pub count: u64,
    /// Those that were gone or had another content.
    pub lost: Vec<String>,
    /// Number of those that could not be read.
    pub unread: u64,
}
