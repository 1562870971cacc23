//! What one round measured of both builds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;
use crate::stats::proportion::Proportion;

/// Requests sent, and those of them that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Requests sent.
    pub sent: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// What one round measured of both builds, in the same seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Values by the name of the metric, in its unit. A metric that the round cannot tell, as one with
    /// too few samples, is not there.
    #[serde(default)]
    pub metrics: BTreeMap<String, Pair<f64>>,
    /// Requests and failures, where counted.
    #[serde(default)]
    pub failures: Option<Pair<Attempts>>,
    /// Whether both builds were started anew before it: rounds of the same processes may be alike.
    #[serde(default)]
    pub restarted: bool,
}

impl Attempts {
    /// Returns the share that failed; none where nothing was sent.
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
    fn rounds_are_read_as_they_are_written() {
        let json = r#"{"metrics": {"cpu": {"baseline": 81000.5, "candidate": 82000.0}},
            "failures": {"baseline": {"sent": 900, "failed": 0}, "candidate": {"sent": 900, "failed": 1}}}"#;
        let round: Round = serde_json::from_str(json).unwrap();
        assert_eq!(round.metrics["cpu"].candidate, 82000.0);
        assert_eq!(round.failures.unwrap().candidate.failed, 1);
        let back = serde_json::to_string(&round).unwrap();
        assert_eq!(serde_json::from_str::<Round>(&back).unwrap(), round);
    }
}
