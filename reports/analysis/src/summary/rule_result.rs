//! One objective of a run, and whether the run meets it.

use serde::{Deserialize, Serialize};

use crate::format;

/// Whether a run meets one objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The objective as written.
    pub text: String,
    /// Whether it is met; none where it could not be judged.
    pub met: Option<bool>,
    /// What was measured: nanoseconds for a latency, a fraction for errors and rate.
    pub measured: Option<f64>,
    /// The interval that holds the true value with 95% confidence; none where there is none.
    pub interval_95: Option<[f64; 2]>,
    /// What it was held against, in the same unit.
    pub limit: Option<f64>,
    /// The unit of the three: `ns` or `fraction`.
    pub unit: String,
    /// Number of samples behind what was measured.
    pub count: u64,
    /// What was measured and what that means, in words.
    pub why: String,
}

impl RuleResult {
    /// Says what was measured, in its unit; a dash where nothing was.
    pub fn said(&self) -> String {
        match (self.measured, self.unit.as_str()) {
            (Some(ns), "ns") => format::duration_of(ns),
            (Some(fraction), _) => format::percent(fraction),
            (None, _) => "–".to_owned(),
        }
    }
}
