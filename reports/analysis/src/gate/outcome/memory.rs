//! The resident memory of a build over a gate.

use serde::{Deserialize, Serialize};

/// The resident memory of a build over a gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryUse {
    /// What was read, in order of time.
    pub samples: Vec<MemorySample>,
    /// How it grew while a process lived; none where too little was read.
    pub growth: Option<MemoryGrowth>,
}

/// The resident memory at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemorySample {
    /// When, in seconds since the gate began.
    pub at_s: f64,
    /// The resident memory in MiB.
    pub mib: f64,
    /// Which start of the build it belongs to, from 0.
    pub start: u32,
}

/// How memory grows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MemoryGrowth {
    /// The slope in MiB a minute.
    pub mib_per_min: f64,
    /// Its 95% interval; none where there are too few samples for one.
    pub interval_95: Option<[f64; 2]>,
    /// Number of samples behind it.
    pub count: usize,
}

impl MemoryUse {
    /// The first that was read, in MiB.
    pub fn first_mib(&self) -> Option<f64> {
        self.samples.first().map(|sample| sample.mib)
    }

    /// The last that was read, in MiB.
    pub fn last_mib(&self) -> Option<f64> {
        self.samples.last().map(|sample| sample.mib)
    }

    /// The greatest that was read, in MiB.
    pub fn peak_mib(&self) -> Option<f64> {
        let all = self.samples.iter().map(|sample| sample.mib);
        all.max_by(f64::total_cmp)
    }
}
