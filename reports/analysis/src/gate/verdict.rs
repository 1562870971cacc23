//! The verdict on a metric, on failures, or over all of them.

use serde::{Deserialize, Serialize};

/// Whether a change may pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// It is no slower than tolerated.
    Pass,
    /// It is slower.
    Fail,
    /// Neither is shown.
    #[default]
    Inconclusive,
}
