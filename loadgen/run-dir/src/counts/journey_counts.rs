//! Outcomes of journeys.

use serde::{Deserialize, Serialize};

/// Outcomes of the journeys of one name, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JourneyCounts {
    /// Name of the journey.
    pub name: String,
    /// Journeys started.
    pub begun: u64,
    /// Journeys that reached their last step.
    pub completed: u64,
    /// Journeys that a failed request ended, if the scenario says so.
    pub failed: u64,
    /// Journeys that were cut off, for example because of an endless loop.
    pub cut_off: u64,
    /// Journeys in progress when the run ended.
    pub unfinished: u64,
    /// Reason for the first cut-off. `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off_because: Option<String>,
}

impl JourneyCounts {
    /// Adds the outcomes that another generator counted.
    pub fn add(&mut self, other: &JourneyCounts) {
        self.begun += other.begun;
        self.completed += other.completed;
        self.failed += other.failed;
        self.cut_off += other.cut_off;
        self.unfinished += other.unfinished;
        if self.cut_off_because.is_none() {
            self.cut_off_because.clone_from(&other.cut_off_because);
        }
    }
}
