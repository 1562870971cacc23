//! Verdict of a run: the validity of the measurement, and whether the objectives are met.

use serde::{Deserialize, Serialize};

/// Validity of the measurement, and whether the objectives are met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Validity of the measurement.
    pub measurement: MeasurementVerdict,
    /// Result over all objectives.
    pub slo: SloVerdict,
    /// Reasons why the measurement is not valid, in sentences with figures, the most severe first.
    pub reasons: Vec<String>,
}

/// Validity of a measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasurementVerdict {
    /// The figures describe the service.
    Valid,
    /// The figures may be wrong: the generator or the host came near its limits.
    Suspect,
    /// The figures do not describe the service.
    #[default]
    Invalid,
}

/// Result over all objectives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloVerdict {
    /// All objectives are met.
    Met,
    /// At least one objective is missed.
    Missed,
    /// There are no objectives, or none is missed and at least one could not be judged.
    #[default]
    NotJudged,
}
