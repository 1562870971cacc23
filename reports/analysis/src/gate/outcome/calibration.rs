//! What rounds of the baseline against itself showed.

use serde::{Deserialize, Serialize};

use crate::gate::calibration::MetricCalibration;

/// What rounds of the baseline against itself showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// When they were measured, RFC 3339 in UTC.
    pub at: String,
    /// Number of them.
    pub rounds: usize,
    /// What they say of each metric, in the plan's order.
    pub metrics: Vec<MetricCalibration>,
}

impl Calibration {
    /// The names of the metrics that can be gated: those that were to be, and are quiet enough.
    pub fn gated(&self) -> impl Iterator<Item = &str> {
        let metrics = self.metrics.iter();
        metrics.filter(|own| own.gated).map(|own| own.name.as_str())
    }

    /// Whether one of the first two, which are processor time and mean response time where both are told,
    /// can be gated: a gate of the rest alone is hardly one.
    pub fn is_of_use(&self) -> bool {
        self.metrics.iter().take(2).any(|own| own.gated)
    }
}
