//! What the objectives of a run leave open.

use serde::{Deserialize, Serialize};

/// What the objectives of a run leave open, even if all of them are met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveGaps {
    /// Requests whose latency no objective limits.
    pub unlimited: Vec<String>,
    /// Requests that are slower than the objective that they meet together with others.
    pub slower_alone: Vec<SlowerAlone>,
}

/// A request that is slower than the objective that it meets together with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowerAlone {
    /// Name of the request.
    pub request: String,
    /// The objective.
    pub rule: String,
    /// The same percentile of this request alone, in nanoseconds.
    pub value_ns: u64,
}

impl ObjectiveGaps {
    /// Returns whether the objectives leave nothing open.
    pub fn is_empty(&self) -> bool {
        self.unlimited.is_empty() && self.slower_alone.is_empty()
    }
}
