//! Figures of one round.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;
use tenfold_stats::Proportion;

/// Sent and failed requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Sent requests.
    pub sent: u64,
    /// Sent requests that failed.
    pub failed: u64,
}

/// Figures of one round: both builds, measured in the same seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Values by metric name, in the unit of the metric. Omits metrics that the round could not measure, for
    /// example with too few samples.
    #[serde(default)]
    pub metrics: BTreeMap<String, Pair<f64>>,
    /// Requests and failures. `None` if not counted.
    #[serde(default)]
    pub failures: Option<Pair<Attempts>>,
    /// True if both builds were restarted before the round: rounds of the same processes may be correlated.
    #[serde(default)]
    pub restarted: bool,
}

impl Attempts {
    /// Returns the share of failed requests. `None` if nothing was sent.
    pub fn rate(&self) -> Option<f64> {
        self.failures().share()
    }

    /// Returns the failed requests among those sent.
    pub(crate) fn failures(self) -> Proportion {
        Proportion {
            hits: self.failed,
            count: self.sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_survives_json_round_trip() {
        let json = r#"{"metrics": {"cpu": {"baseline": 81000.5, "candidate": 82000.0}},
            "failures": {"baseline": {"sent": 900, "failed": 0}, "candidate": {"sent": 900, "failed": 1}}}"#;
        let round: Round = serde_json::from_str(json).unwrap();
        assert_eq!(round.metrics["cpu"].candidate, 82000.0);
        assert_eq!(round.failures.unwrap().candidate.failed, 1);
        let back = serde_json::to_string(&round).unwrap();
        assert_eq!(serde_json::from_str::<Round>(&back).unwrap(), round);
    }
}
