//! What a gate of the benchmark is of: a build beside itself, or beside one that is slower by a known cause.

use serde::{Deserialize, Serialize};

/// The mean processor time of a request, as the gate names it.
pub(crate) const CPU: &str = "CPU per request";
/// The mean response time, as the gate names it.
pub(crate) const MEAN: &str = "mean response time";
/// The 90th percentile of response time, as the gate names it.
pub(crate) const P90: &str = "p90 response time";

/// What is planted in the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Nothing: both are the same build.
    Unchanged,
    /// Processor time.
    Cpu,
    /// A wait without any.
    Wait,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Kind; 3] = [Kind::Unchanged, Kind::Cpu, Kind::Wait];

    /// Its name in a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "nothing (A/A)",
            Self::Cpu => "+5% CPU",
            Self::Wait => "+10% response time",
        }
    }

    /// What is planted, as a ratio less one.
    pub(crate) fn planted(self) -> f64 {
        match self {
            Self::Unchanged => 0.0,
            Self::Cpu => 0.05,
            Self::Wait => 0.1,
        }
    }

    /// The metrics that show it; any of them fails a candidate for the right reason.
    pub(crate) fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::Unchanged => &[],
            Self::Cpu => &[CPU],
            Self::Wait => &[MEAN, P90],
        }
    }
}
