//! Something that stands out in a run.

use serde::{Deserialize, Serialize};

/// Something that stands out in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is, in a sentence.
    pub title: String,
    /// The figures it rests on, a sentence each.
    pub evidence: Vec<String>,
    /// How sure it is.
    pub confidence: Confidence,
    /// What to do about it.
    pub advice: String,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One sign points to it.
    Low,
    /// Signs point to it, but something else could look the same.
    Medium,
    /// The figures leave no other reading.
    High,
}
