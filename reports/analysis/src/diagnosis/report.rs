//! `diagnosis.json`: what holds a service back, with the runs that show it.

use serde::{Deserialize, Serialize};

use super::Diagnosis;
use crate::knee::{SearchReport, TrialReport};

/// What holds a service back, with the runs that show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisReport {
    /// Version of this format: 1.
    pub version: u32,
    /// What holds the service back.
    pub diagnosis: Diagnosis,
    /// The runs at low load, near the knee, and above it. Fewer if the knee is not known.
    pub experiments: Vec<TrialReport>,
    /// The search for the knee before them.
    pub search: SearchReport,
}
