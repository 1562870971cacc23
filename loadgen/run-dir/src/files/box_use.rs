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
    /// CPU time of the counted phases. `None` in runs of earlier versions, in runs that ended before, and if the box was started meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedCpu>,
}

/// CPU time of a box in the counted phases: without the warm-up, in which connections open and a request costs more, and without the
/// answers after the last phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CountedCpu {
    /// Begin of the measurement, in nanoseconds since the start of the run.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// CPU time, in seconds.
    pub cpu_s: f64,
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
