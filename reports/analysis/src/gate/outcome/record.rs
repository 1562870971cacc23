//! One round, and when it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;
use crate::gate::round::{Attempts, Round};

/// One round, and when it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundRecord {
    /// When it began, in seconds since the gate did.
    pub at_s: f64,
    /// How long it lasted, in seconds.
    pub seconds: f64,
    /// Whether both builds were started anew before it.
    pub restarted: bool,
    /// Values by the name of the metric, in its unit; a metric that the round cannot tell is not there.
    pub metrics: BTreeMap<String, Pair<f64>>,
    /// Requests and failures, where counted.
    pub failures: Option<Pair<Attempts>>,
}

impl RoundRecord {
    /// Returns the round as [`crate::gate::decide`] takes it.
    pub fn round(&self) -> Round {
        Round {
            metrics: self.metrics.clone(),
            failures: self.failures,
            restarted: self.restarted,
        }
    }
}
