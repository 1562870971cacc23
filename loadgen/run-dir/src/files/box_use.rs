//! `boxes.json`: resources that the boxes of a stage used during a run.

use serde::{Deserialize, Serialize};

/// Resources of a box, from before the first request to after the last, warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxUse {
    /// Name of the box in the manifest.
    pub name: String,
    /// Length of the measurement, in seconds.
    pub over_s: f64,
    /// CPU time, in seconds.
    pub cpu_s: f64,
    /// Share of its scheduling periods in which the box was throttled. `None` without a CPU limit.
    pub held_back: Option<f64>,
    /// Memory in use at the end, in bytes.
    pub memory_bytes: u64,
}

/// Returns the role of a box: its name without a number. Boxes of a role have the same size.
pub fn role_of(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches('-')
}

impl BoxUse {
    /// Mean number of cores used.
    pub fn cores_used(&self) -> f64 {
        match self.over_s > 0.0 {
            true => self.cpu_s / self.over_s,
            false => 0.0,
        }
    }
}
