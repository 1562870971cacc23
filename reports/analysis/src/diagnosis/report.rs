//! `diagnosis.json`: the bottlenecks of a service, with the runs that show them.

use serde::{Deserialize, Serialize};

use super::Diagnosis;
use super::confirmation::Confirmation;
use crate::knee::{SearchReport, TrialReport};

/// The bottlenecks of a service, with the runs that show them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisReport {
    /// Version of this format: 1.
    pub version: u32,
    /// True if the command was interrupted before all runs were done.
    pub interrupted: bool,
    /// Bottlenecks.
    pub diagnosis: Diagnosis,
    /// The runs at low load, near the knee, and above it. Fewer if the knee is not known.
    pub experiments: Vec<TrialReport>,
    /// The experiment that slows each component. `None` unless it was asked for (`--confirm`) and a knee is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// The search for the knee before them.
    pub search: SearchReport,
}
