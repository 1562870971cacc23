//! Kinds of gates: a build against itself, or against one with a planted slowdown.

use serde::{Deserialize, Serialize};

/// Name of the metric for mean CPU time per request.
pub(crate) const CPU: &str = "CPU per request";
/// Name of the metric for mean response time.
pub(crate) const MEAN: &str = "mean response time";
/// Name of the metric for the 90th percentile of response time.
pub(crate) const P90: &str = "p90 response time";

/// Slowdown planted in the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// None: both are the same build.
    Unchanged,
    /// More CPU time.
    Cpu,
    /// A longer wait that uses no CPU time.
    Wait,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Kind; 3] = [Kind::Unchanged, Kind::Cpu, Kind::Wait];

    /// Returns the name for a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "nothing (A/A)",
            Self::Cpu => "+5% CPU",
            Self::Wait => "+10% response time",
        }
    }

    /// Returns the planted change, as a ratio minus one.
    pub(crate) fn planted(self) -> f64 {
        match self {
            Self::Unchanged => 0.0,
            Self::Cpu => 0.05,
            Self::Wait => 0.1,
        }
    }

    /// Returns the metrics that show it. A gate that fails by any of them has found it.
    pub(crate) fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::Unchanged => &[],
            Self::Cpu => &[CPU],
            Self::Wait => &[MEAN, P90],
        }
    }
}
