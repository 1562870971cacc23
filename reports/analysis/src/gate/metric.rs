//! A metric that a gate compares.

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;
use crate::gate::round::Round;
use tenfold_stats::cluster_inflation;
use tenfold_stats::serial_inflation;

/// Role of a metric in the decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The metric decides.
    #[default]
    Gated,
    /// The metric is only reported.
    Informs,
}

/// A metric of which less is better.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Name of the metric, as in the rounds.
    pub name: String,
    /// Unit of the values and the floor, as reports show it.
    pub unit: String,
    /// Role in the decision.
    #[serde(default)]
    pub role: Role,
    /// Lower values count as this one. Hides irrelevant differences and makes a ratio to zero possible.
    #[serde(default)]
    pub floor: f64,
    /// Minimum effect of this metric, a ratio minus one, if it differs from [`Settings::min_effect`](crate::gate::Settings::min_effect).
    #[serde(default)]
    pub limit: Option<f64>,
    /// Variance inflation that a calibration measured. The inflation of the judged rounds is used if it is
    /// greater.
    #[serde(default)]
    pub serial_inflation: Option<f64>,
    /// Reason why a metric that was to be gated only informs.
    #[serde(default)]
    pub not_gated_because: Option<String>,
}

impl Metric {
    /// Returns a metric that is gated with the default limits.
    pub fn gated(name: &str, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the values of the rounds that measured the metric, in order.
    pub(crate) fn pairs(&self, rounds: &[Round]) -> Vec<Pair<f64>> {
        rounds
            .iter()
            .filter_map(|round| round.metrics.get(&self.name).copied())
            .filter(|pair| pair.log_ratio(self.floor).is_some())
            .collect()
    }

    /// Returns the variance inflation due to correlation of consecutive rounds and of rounds between two
    /// restarts; at least 1.
    pub(crate) fn inflation(&self, rounds: &[Round]) -> f64 {
        let mut restarts = 0;
        let mut clusters = Vec::new();
        let mut differences = Vec::new();
        for round in rounds {
            restarts += usize::from(round.restarted);
            let pair = round.metrics.get(&self.name);
            if let Some(difference) = pair.and_then(|pair| pair.log_ratio(self.floor)) {
                clusters.push(restarts);
                differences.push(difference);
            }
        }
        serial_inflation(&differences).max(cluster_inflation(&differences, &clusters))
    }

    /// Returns `ln(candidate / baseline)` of the rounds that measured the metric, in order.
    pub(crate) fn differences(&self, rounds: &[Round]) -> Vec<f64> {
        self.pairs(rounds)
            .iter()
            .filter_map(|pair| pair.log_ratio(self.floor))
            .collect()
    }
}
