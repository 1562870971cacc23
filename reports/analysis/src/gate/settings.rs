//! Settings of a gate.

use serde::{Deserialize, Serialize};

use tenfold_stats::Split;

/// Settings of a gate. Effects are ratios minus one: 0.05 is 5% slower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Maximum probability of failing an unchanged build, over all metrics and looks.
    pub alpha: f64,
    /// Probability of detecting the smallest detectable effect.
    pub power: f64,
    /// Smallest effect that matters.
    pub min_effect: f64,
    /// A metric passes if its upper bound is below this effect. Defaults to `min_effect`.
    pub tolerance: Option<f64>,
    /// A metric fails only if its estimate is above this effect. Defaults to `min_effect`.
    ///
    /// An estimate exceeds the true effect about half of the time, so a build that is slower by exactly this
    /// much fails in about half of the gates, for any number of rounds. To detect `min_effect` itself with the
    /// given power, set half of it here.
    pub fail_above: Option<f64>,
    /// Numbers of rounds after which to look, increasing; the last one is the budget.
    pub looks: Vec<usize>,
    /// Split of alpha between the looks.
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

/// Effects that decide the verdict on one metric, as ratios minus one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Smallest effect that matters.
    pub min_effect: f64,
    /// A metric passes if its upper bound is below this effect.
    pub tolerance: f64,
    /// A metric fails only if its estimate is above this effect.
    pub fail_above: f64,
}

impl Settings {
    /// Returns the limits of a metric. A limit of the metric scales all three effects in proportion.
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
    fn limits_scale_with_metric_limit() {
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
    fn missing_settings_have_defaults() {
        let settings: Settings = serde_json::from_str(r#"{"min_effect": 0.03}"#).unwrap();
        assert_eq!((settings.alpha, settings.min_effect), (0.01, 0.03));
        assert!(serde_json::from_str::<Settings>(r#"{"min_efect": 0.03}"#).is_err());
    }
}
