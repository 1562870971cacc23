//! Result of one objective.

use serde::{Deserialize, Serialize};

use crate::format;

/// Result of one objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The objective as written.
    pub text: String,
    /// True if the objective is met. `None` if it could not be judged.
    pub met: Option<bool>,
    /// Measured value: nanoseconds for a latency, a fraction for errors and rate.
    pub measured: Option<f64>,
    /// 95% confidence interval of the value. `None` if the metric has no interval.
    pub interval_95: Option<[f64; 2]>,
    /// Limit of the objective, in the same unit.
    pub limit: Option<f64>,
    /// Unit of value, interval and limit: `ns` or `fraction`.
    pub unit: String,
    /// Number of samples.
    pub count: u64,
    /// Explanation of the result.
    pub why: String,
}

impl RuleResult {
    /// Formats the measured value with its unit; a dash if nothing was measured.
    pub fn measured_text(&self) -> String {
        match (self.measured, self.unit.as_str()) {
            (Some(ns), "ns") => format::duration_of(ns),
            (Some(fraction), _) => format::percent(fraction),
            (None, _) => "–".to_owned(),
        }
    }
}
