//! `profile/profile.json`: source and completeness of a CPU profile.

use serde::{Deserialize, Serialize};

/// Source and completeness of a CPU profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileInfo {
    /// URL of the profile, or the processes and the method that profiled them.
    pub source: String,
    /// Start of the capture, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Length of the capture, in nanoseconds.
    pub duration_ns: u64,
    /// Samples per CPU second.
    pub hz: f64,
    /// Samples captured.
    pub captured: u64,
    /// Samples expected: `cpu_s` times `hz`. `None` if the target does not report its CPU time.
    pub expected: Option<f64>,
    /// CPU time of the process during the capture, in seconds. `None` if the target does not report it.
    pub cpu_s: Option<f64>,
}
