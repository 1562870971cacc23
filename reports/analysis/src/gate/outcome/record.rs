//! One round with its time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;
use crate::gate::round::{Attempts, Round};

/// One round with its time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundRecord {
    /// Start of the round, in seconds since the start of the gate.
    pub at_s: f64,
    /// Duration of the round, in seconds.
    pub seconds: f64,
    /// True if both builds were restarted before the round.
    pub restarted: bool,
    /// Values by metric name, in the unit of the metric. Omits metrics that the round could not measure.
    pub metrics: BTreeMap<String, Pair<f64>>,
    /// Requests and failures. `None` if not counted.
    pub failures: Option<Pair<Attempts>>,
}

impl RoundRecord {
    /// Returns the round as input of [`crate::gate::decide`].
    pub fn round(&self) -> Round {
        Round {
            metrics: self.metrics.clone(),
            failures: self.failures,
            restarted: self.restarted,
        }
    }
}
