//! What became of journeys.

use serde::{Deserialize, Serialize};

/// What became of the journeys of one name, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JourneyCounts {
    /// The journey's name.
    pub name: String,
    /// Journeys begun.
    pub begun: u64,
    /// Those that came to their last step.
    pub completed: u64,
    /// Those that ended with a request that failed, where the scenario has it so.
    pub failed: u64,
    /// Those that had to be cut off, as by a loop that found no end.
    pub cut_off: u64,
    /// Those that were under way when the run ended.
    pub unfinished: u64,
    /// Why the first of them was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off_because: Option<String>,
}

impl JourneyCounts {
    /// Adds what became of the same journeys elsewhere.
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
