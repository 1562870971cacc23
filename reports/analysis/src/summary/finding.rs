//! A finding about a run.

use serde::{Deserialize, Serialize};

/// A named problem or result of a run, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The finding, in a sentence.
    pub title: String,
    /// Figures that support the finding, one sentence each.
    pub evidence: Vec<String>,
    /// Confidence in the finding.
    pub confidence: Confidence,
    /// Recommended action.
    pub advice: String,
}

/// Confidence in a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One symptom supports it.
    Low,
    /// Several symptoms support it, but other causes can look the same.
    Medium,
    /// The figures allow no other explanation.
    High,
}
