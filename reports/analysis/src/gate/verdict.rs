//! Verdict on a metric, on failures, or over all of them.

use serde::{Deserialize, Serialize};

/// Verdict on a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// The change is no slower than tolerated.
    Pass,
    /// The change is slower.
    Fail,
    /// The rounds show neither.
    #[default]
    Inconclusive,
}
