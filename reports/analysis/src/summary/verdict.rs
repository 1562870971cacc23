//! How far a measurement can be trusted, and whether the objectives are met.

use serde::{Deserialize, Serialize};

/// How far a measurement can be trusted, and whether the objectives are met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How far the measurement can be trusted.
    pub measurement: MeasurementVerdict,
    /// Whether the objectives are met.
    pub slo: SloVerdict,
    /// Why the measurement is not simply valid, in sentences with figures, the gravest first.
    pub reasons: Vec<String>,
}

/// How far a measurement can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasurementVerdict {
    /// The figures are the service's.
    Valid,
    /// The figures may be off: the generator or the machine came near its limits.
    Suspect,
    /// The figures are not the service's.
    #[default]
    Invalid,
}

/// Whether the objectives are met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloVerdict {
    /// All are.
    Met,
    /// At least one is not.
    Missed,
    /// There are none, or none is missed but one could not be judged.
    #[default]
    NotJudged,
}
