//! What the boxes of a stage used while a run sent to it.

use serde::{Deserialize, Serialize};

/// What a box used from before the first request to after the last, the warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxUse {
    /// Its name, as in the manifest.
    pub name: String,
    /// How long it was looked at, in seconds.
    pub over_s: f64,
    /// Processor time that it used, in seconds.
    pub cpu_s: f64,
    /// The share of the periods in which it ran that it had used its allowance up in; none where it was not confined.
    pub held_back: Option<f64>,
    /// The memory that it held at the end, in bytes.
    pub memory_bytes: u64,
}

impl BoxUse {
    /// The processors that it used on average.
    pub fn cores_used(&self) -> f64 {
        match self.over_s > 0.0 {
            true => self.cpu_s / self.over_s,
            false => 0.0,
        }
    }
}
