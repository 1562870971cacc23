//! What a gate is asked to hold.

use serde::{Deserialize, Serialize};

use crate::stats::alpha_spending::Split;

/// What a gate is asked to hold. Effects are ratios less one: 0.05 is 5% slower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The most that the probability of failing an unchanged build may be, over all metrics and looks.
    pub alpha: f64,
    /// The probability with which the smallest detectable effect is told from none.
    pub power: f64,
    /// The effect that the gate is for.
    pub min_effect: f64,
    /// A metric passes when its upper bound is below this; where none is given, `min_effect`.
    pub tolerance: Option<f64>,
    /// A metric fails only when its estimate is above this; where none is given, `min_effect`.
    ///
    /// An estimate lies above the true effect about as often as below it, so that a build slower by
    /// exactly this much is failed about every second time, however many rounds there are. Who wants
    /// `min_effect` itself found with the stated power gives half of it here: what is significant at
    /// the design's number of rounds lies above that anyway.
    pub fail_above: Option<f64>,
    /// The numbers of rounds after which to look, rising; the last is the budget.
    pub looks: Vec<usize>,
    /// How alpha is split between the looks.
    pub split: Split,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            power: 0.95,
            min_effect: 0.05,
            tolerance: None,
            fail_above: None,
            looks: vec![16, 28, 40],
            split: Split::default(),
        }
    }
}

/// The effects that decide about one metric, as ratios less one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The effect that the gate is for.
    pub min_effect: f64,
    /// What an upper bound must be below to pass.
    pub tolerance: f64,
    /// What an estimate must be above to fail.
    pub fail_above: f64,
}

impl Settings {
    /// Returns the limits of a metric; one with a limit of its own has all three in proportion to it.
    pub fn limits(&self, own: Option<f64>) -> Limits {
        let scale = own.map_or(1.0, |own| own / self.min_effect);
        Limits {
            min_effect: self.min_effect * scale,
            tolerance: self.tolerance.unwrap_or(self.min_effect) * scale,
            fail_above: self.fail_above.unwrap_or(self.min_effect) * scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_default_to_the_effect_and_follow_a_metric_of_its_own() {
        let settings = Settings::default();
        let limits = settings.limits(None);
        assert_eq!((limits.tolerance, limits.fail_above), (0.05, 0.05));
        let halved = Settings {
            fail_above: Some(0.025),
            ..settings
        };
        let limits = halved.limits(Some(0.2));
        assert!((limits.min_effect - 0.2).abs() < 1e-12);
        assert!((limits.tolerance - 0.2).abs() < 1e-12);
        assert!((limits.fail_above - 0.1).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let settings: Settings = serde_json::from_str(r#"{"min_effect": 0.03}"#).unwrap();
        assert_eq!((settings.alpha, settings.min_effect), (0.01, 0.03));
        assert!(serde_json::from_str::<Settings>(r#"{"min_efect": 0.03}"#).is_err());
    }
}
