//! Resident memory of a build during a gate.

use serde::{Deserialize, Serialize};

/// Resident memory of a build during a gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryUse {
    /// Samples, in order of time.
    pub samples: Vec<MemorySample>,
    /// Growth within the lifetime of a process. `None` with too few samples.
    pub growth: Option<MemoryGrowth>,
}

/// Resident memory at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemorySample {
    /// Seconds since the start of the gate.
    pub at_s: f64,
    /// Resident memory, in MiB.
    pub mib: f64,
    /// Number of the start of the build, from 0.
    pub start: u32,
}

/// Growth of memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MemoryGrowth {
    /// Slope, in MiB per minute.
    pub mib_per_min: f64,
    /// 95% interval of the slope. `None` with too few samples.
    pub interval_95: Option<[f64; 2]>,
    /// Number of samples.
    pub count: usize,
}

impl MemoryUse {
    /// Returns the first sample, in MiB.
    pub fn first_mib(&self) -> Option<f64> {
        self.samples.first().map(|sample| sample.mib)
    }

    /// Returns the last sample, in MiB.
    pub fn last_mib(&self) -> Option<f64> {
        self.samples.last().map(|sample| sample.mib)
    }

    /// Returns the greatest sample, in MiB.
    pub fn peak_mib(&self) -> Option<f64> {
        let all = self.samples.iter().map(|sample| sample.mib);
        all.max_by(f64::total_cmp)
    }
}
