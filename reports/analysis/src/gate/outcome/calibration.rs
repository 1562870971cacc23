//! Calibration of a gate.

use serde::{Deserialize, Serialize};

use crate::gate::calibration::MetricCalibration;

/// Calibration from rounds of the baseline against itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// Time of the measurement, RFC 3339 in UTC.
    pub at: String,
    /// Number of rounds.
    pub rounds: usize,
    /// Calibration of each metric, in the order of the plan.
    pub metrics: Vec<MetricCalibration>,
}

impl Calibration {
    /// Returns the names of the metrics that can be gated.
    pub fn gated(&self) -> impl Iterator<Item = &str> {
        let metrics = self.metrics.iter();
        metrics.filter(|own| own.gated).map(|own| own.name.as_str())
    }

    /// Returns whether one of the first two metrics, normally CPU time and mean response time, can be gated. A
    /// gate without both has little value.
    pub fn is_of_use(&self) -> bool {
        self.metrics.iter().take(2).any(|own| own.gated)
    }
}
