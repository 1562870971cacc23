//! One metric of both builds.

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;
use crate::gate::round::Round;
use crate::stats::cluster::cluster_inflation;
use crate::stats::serial::serial_inflation;

/// What a metric is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It decides.
    #[default]
    Gated,
    /// It is told beside those that decide.
    Informs,
}

/// A metric of which less is better.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name, as in the rounds.
    pub name: String,
    /// The unit of its values and its floor, as reports say it.
    pub unit: String,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// Values below this count as this: what lies under it does not matter, and zero needs it.
    #[serde(default)]
    pub floor: f64,
    /// The effect this metric is gated for, where it is not that of all: a ratio less one.
    #[serde(default)]
    pub limit: Option<f64>,
    /// By how much a calibration found neighbouring rounds' likeness to raise the variance of an
    /// estimate. What the judged rounds show is used where it is greater.
    #[serde(default)]
    pub serial_inflation: Option<f64>,
    /// Why it is not gated, where it was meant to be.
    #[serde(default)]
    pub not_gated_because: Option<String>,
}

impl Metric {
    /// Returns a metric that is gated with the limits of all.
    pub fn gated(name: &str, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the values of the rounds that tell the metric, in their order.
    pub(crate) fn pairs(&self, rounds: &[Round]) -> Vec<Pair<f64>> {
        rounds
            .iter()
            .filter_map(|round| round.metrics.get(&self.name).copied())
            .filter(|pair| pair.log_ratio(self.floor).is_some())
            .collect()
    }

    /// Returns by how much the likeness of neighbouring rounds, and of those between two restarts, raises
    /// the variance of an estimate; at least 1.
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

    /// Returns `ln(candidate / baseline)` of the rounds that tell it, in their order.
    pub(crate) fn differences(&self, rounds: &[Round]) -> Vec<f64> {
        self.pairs(rounds)
            .iter()
            .filter_map(|pair| pair.log_ratio(self.floor))
            .collect()
    }
}
