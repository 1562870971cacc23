//! A step of a ladder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::BoxInfo;

use super::outage::Outage;
use crate::diagnosis::Bottleneck;
use crate::knee::End;

/// A variant of the service with its capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name, unique in the ladder.
    pub name: String,
    /// The change that led to it, in a sentence.
    pub change: String,
    /// The finding that asked for the change. `None` for the first step, and for a change that no finding asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Directory of its diagnosis, below that of the ladder.
    pub directory: PathBuf,
    /// Number of the step that it is compared with, from 0. `None` for the first.
    pub compared_with: Option<usize>,
    /// Predicted gain over that step. `None` without a prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
    /// Stage of the reference service. `None` for any other service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Its boxes. Empty for a service that is no stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxInfo>,
    /// Number of equal workers or boxes. `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// Its price for a month, if it was given. `None` to work it out from the boxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_month: Option<f64>,
    /// Time until the service was ready, its data loaded, in seconds.
    pub ready_s: f64,
    /// Highest rate that it sustained, per second. `None` if it sustained none.
    pub sustained: Option<f64>,
    /// Lowest rate that it did not sustain, per second. `None` if it sustained every rate.
    pub failed: Option<f64>,
    /// End of the search.
    pub end: End,
    /// Resource that saturates first. `None` if it was not found.
    pub bottleneck: Option<Bottleneck>,
    /// Outages, and their effect on users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<Outage>,
}

/// Predicted gain of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Least and most that the highest sustained rate is multiplied by.
    pub factor: [f64; 2],
    /// The law behind it, and what limits it.
    pub because: String,
}

/// Measured gain of a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gained {
    /// Least that the highest sustained rate was multiplied by. `None` for no limit: the step before failed at no rate.
    pub least: Option<f64>,
    /// Most that it was multiplied by. `None` for no limit: the step failed at no rate.
    pub most: Option<f64>,
}

impl Gained {
    /// Compares two steps: the least gain is from the lowest failed rate before to the highest sustained one now, the most
    /// the other way round. `None` if the step before sustained no rate, or the other was not measured.
    pub(super) fn between(before: &Step, now: &Step) -> Option<Self> {
        let sustained_before = before.sustained.filter(|rate| *rate > 0.0)?;
        if now.sustained.is_none() && now.failed.is_none() {
            return None;
        }
        let sustained = now.sustained.unwrap_or(0.0);
        Some(Self {
            least: before
                .failed
                .map(|failed| sustained / failed.max(sustained_before)),
            most: now.failed.map(|failed| failed / sustained_before),
        })
    }

    /// Returns whether the measured gain and a predicted one have values in common.
    pub fn agrees_with(&self, prediction: &Prediction) -> bool {
        let [least, most] = prediction.factor;
        self.least.is_none_or(|own| own <= most) && self.most.is_none_or(|own| own >= least)
    }

    /// Returns the gain as text: `1.8 to 2.2 times`.
    pub fn text(&self) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) => times([least, most]),
            (Some(least), None) => format!("at least {least:.2} times"),
            (None, Some(most)) => format!("at most {most:.2} times"),
            (None, None) => "not known".to_owned(),
        }
    }
}

impl Prediction {
    /// Returns the prediction as text: `1.9 to 2.1 times`.
    pub fn text(&self) -> String {
        times(self.factor)
    }
}

fn times([least, most]: [f64; 2]) -> String {
    let (least, most) = (format!("{least:.2}"), format!("{most:.2}"));
    match least == most {
        true => format!("{most} times"),
        false => format!("{least} to {most} times"),
    }
}
