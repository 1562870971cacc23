//! What one round measured of both builds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The same of the baseline and of the candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair<T> {
    /// Of the build that is known.
    pub baseline: T,
    /// Of the build that is judged.
    pub candidate: T,
}

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

impl Pair<f64> {
    /// Returns `ln(candidate / baseline)`, values below the floor counting as the floor; none of values
    /// that allow no ratio.
    pub fn log_ratio(&self, floor: f64) -> Option<f64> {
        let usable = |value: f64| (value.is_finite() && value >= 0.0).then(|| value.max(floor));
        let (baseline, candidate) = (usable(self.baseline)?, usable(self.candidate)?);
        (baseline > 0.0 && candidate > 0.0).then(|| (candidate / baseline).ln())
    }
}

impl Attempts {
    /// Returns the share that failed; none where nothing was sent.
    pub fn rate(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.failed as f64 / self.sent as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_usable_values_only() {
        let ratio = |baseline, candidate, floor| {
            Pair {
                baseline,
                candidate,
            }
            .log_ratio(floor)
        };
        assert_eq!(ratio(2.0, 2.0, 0.0), Some(0.0));
        assert!((ratio(1.0, 1.05, 0.0).unwrap() - 0.05_f64.ln_1p()).abs() < 1e-12);
        assert_eq!(ratio(0.0, 1.0, 0.0), None);
        assert_eq!(ratio(f64::NAN, 1.0, 1.0), None);
        assert_eq!(ratio(1.0, f64::INFINITY, 1.0), None);
        assert_eq!(ratio(-1.0, 1.0, 1.0), None);
        // A wait of nothing and one of a microsecond are alike to a floor of a hundred.
        assert_eq!(ratio(0.0, 1_000.0, 100_000.0), Some(0.0));
        assert!((ratio(0.0, 2.0, 1.0).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    }

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
