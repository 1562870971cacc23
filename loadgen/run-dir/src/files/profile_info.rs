//! What is known of a captured CPU profile.

use serde::{Deserialize, Serialize};

/// `profile/profile.json`: how a CPU profile was taken, and how much of the CPU it saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileInfo {
    /// Where it came from.
    pub source: String,
    /// When capture began, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// How long it lasted, in nanoseconds.
    pub duration_ns: u64,
    /// Samples a CPU second.
    pub hz: f64,
    /// Samples in the profile.
    pub captured: u64,
    /// CPU seconds of the process meanwhile times `hz`; none where the target does not tell.
    pub expected: Option<f64>,
    /// CPU seconds of the process meanwhile; none where the target does not tell.
    pub cpu_s: Option<f64>,
}
