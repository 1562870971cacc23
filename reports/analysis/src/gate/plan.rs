//! Plan of a gate: metrics, limits and looks, fixed before the first round.

use serde::Serialize;
use thiserror::Error;

use crate::gate::failures::FailureRule;
use crate::gate::metric::{Metric, Role};
use crate::gate::settings::Settings;
use tenfold_stats::rounds_min;
use tenfold_stats::{Look, looks};

/// Plan of a gate, fixed before the first round: significance levels hold only for tests that are chosen
/// independently of their outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    settings: Settings,
    metrics: Vec<Metric>,
    failures: Option<FailureRule>,
    looks: Vec<Look>,
}

/// A reason why a gate cannot be planned.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlanError {
    /// A setting is out of range.
    #[error("could not plan a gate: {name} is {value}; give a number {range}")]
    OutOfRange {
        /// Name of the setting.
        name: String,
        /// Its value.
        value: f64,
        /// Allowed range.
        range: &'static str,
    },
    /// The looks are not increasing numbers from 1.
    #[error(
        "could not plan a gate: looks after {looks:?} rounds do not increase; give increasing numbers"
    )]
    Looks {
        /// The looks.
        looks: Vec<usize>,
    },
    /// Two metrics have the same name.
    #[error("could not plan a gate: two metrics are named {name:?}; give each a unique name")]
    SameName {
        /// The name.
        name: String,
    },
    /// The last look is too early for any test to be significant.
    #[error(
        "could not plan a gate: {rounds} rounds can never be significant at {alpha} among {tests} tests; \
         plan at least {rounds_min}"
    )]
    TooFewRounds {
        /// Rounds of the last look.
        rounds: usize,
        /// Level of the last look.
        alpha: f64,
        /// Number of tests that share the level.
        tests: usize,
        /// Minimum number of rounds.
        rounds_min: usize,
    },
}

impl Plan {
    /// Plans a gate.
    ///
    /// # Errors
    /// If a setting is out of range, the looks do not increase, two metrics share a name, or the last look is
    /// too early for any test to be significant.
    pub fn new(
        settings: Settings,
        metrics: Vec<Metric>,
        failures: Option<FailureRule>,
    ) -> Result<Self, PlanError> {
        check(&settings, &metrics, failures)?;
        let looks = looks(settings.alpha, &settings.looks, settings.split);
        let plan = Self {
            settings,
            metrics,
            failures,
            looks,
        };
        let last = plan.last_look();
        let rounds_min = rounds_min(last.alpha / plan.tests() as f64);
        if last.rounds < rounds_min {
            return Err(PlanError::TooFewRounds {
                rounds: last.rounds,
                alpha: last.alpha,
                tests: plan.tests(),
                rounds_min,
            });
        }
        Ok(plan)
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the metrics, in the order of the reports.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// Returns the rule for failures. `None` if failures are not judged.
    pub fn failures(&self) -> Option<FailureRule> {
        self.failures
    }

    /// Returns the planned looks.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// Returns the number of tests that share the alpha of a look; at least 1.
    pub fn tests(&self) -> usize {
        let metrics = self.metrics.iter().map(|metric| metric.role);
        let failures = self.failures.map(|rule| rule.role);
        let gated = metrics.chain(failures).filter(|role| *role == Role::Gated);
        gated.count().max(1)
    }

    /// Returns the look whose alpha a decision after this many rounds spends: the first one not yet past.
    pub(crate) fn look_for(&self, rounds: usize) -> Look {
        let coming = self.looks.iter().find(|look| look.rounds >= rounds);
        coming.copied().unwrap_or_else(|| self.last_look())
    }

    pub(crate) fn last_look(&self) -> Look {
        // Every plan has looks. At level 0, no test could be significant.
        self.looks.last().copied().unwrap_or(Look {
            rounds: 0,
            alpha: 0.0,
        })
    }

    /// Returns the plan with other metrics, of which no more are gated.
    pub(crate) fn with_metrics(&self, metrics: Vec<Metric>) -> Self {
        Self {
            metrics,
            ..self.clone()
        }
    }
}

fn check(
    settings: &Settings,
    metrics: &[Metric],
    failures: Option<FailureRule>,
) -> Result<(), PlanError> {
    let share = |value: f64| value > 0.0 && value < 1.0;
    let positive = |value: f64| value > 0.0 && value.is_finite();
    within("alpha", settings.alpha, "above 0, below 0.5", |v| {
        v > 0.0 && v < 0.5
    })?;
    within("power", settings.power, "above 0, below 1", share)?;
    let effects = [
        ("min_effect", Some(settings.min_effect)),
        ("tolerance", settings.tolerance),
        ("fail_above", settings.fail_above),
    ];
    for (name, effect) in effects {
        within(name, effect.unwrap_or(1.0), "above 0", positive)?;
    }
    let rising = settings.looks.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || settings.looks.first().is_none_or(|first| *first == 0) {
        return Err(PlanError::Looks {
            looks: settings.looks.clone(),
        });
    }
    for (index, metric) in metrics.iter().enumerate() {
        let name = &metric.name;
        within(
            &format!("the limit of {name}"),
            metric.limit.unwrap_or(1.0),
            "above 0",
            positive,
        )?;
        within(
            &format!("the floor of {name}"),
            metric.floor,
            "of at least 0",
            |floor| floor >= 0.0 && floor.is_finite(),
        )?;
        if metrics[..index].iter().any(|other| other.name == *name) {
            return Err(PlanError::SameName { name: name.clone() });
        }
    }
    let limit = failures.map_or(0.0, |rule| rule.limit);
    within(
        "the limit of failures",
        limit,
        "of at least 0, below 1",
        |v| (0.0..1.0).contains(&v),
    )
}

fn within(
    name: &str,
    value: f64,
    range: &'static str,
    is_within: impl Fn(f64) -> bool,
) -> Result<(), PlanError> {
    if is_within(value) {
        return Ok(());
    }
    Err(PlanError::OutOfRange {
        name: name.to_owned(),
        value,
        range,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu() -> Vec<Metric> {
        vec![Metric::gated("cpu", "ns")]
    }

    #[test]
    fn rejects_impossible_plans() {
        let error = |settings: Settings| Plan::new(settings, cpu(), None).unwrap_err().to_string();
        let default = Settings::default;
        for (settings, part) in [
            (
                Settings {
                    alpha: 0.0,
                    ..default()
                },
                "alpha is 0; give a number above 0",
            ),
            (
                Settings {
                    power: 1.0,
                    ..default()
                },
                "power is 1",
            ),
            (
                Settings {
                    tolerance: Some(-0.1),
                    ..default()
                },
                "tolerance is -0.1",
            ),
            (
                Settings {
                    looks: vec![],
                    ..default()
                },
                "do not increase",
            ),
            (
                Settings {
                    looks: vec![12, 12],
                    ..default()
                },
                "do not increase",
            ),
            (
                Settings {
                    looks: vec![6],
                    ..default()
                },
                "6 rounds can never be significant at 0.01",
            ),
        ] {
            let message = error(settings);
            assert!(message.contains(part), "{message}");
        }
        let twice = [cpu(), cpu()].concat();
        let same_name = Plan::new(default(), twice, None).unwrap_err();
        assert!(matches!(same_name, PlanError::SameName { .. }));
    }

    #[test]
    fn decision_between_looks_spends_next_alpha() {
        let plan = Plan::new(Settings::default(), cpu(), None).unwrap();
        for (rounds, look) in [(0, 16), (16, 16), (17, 28), (40, 40), (99, 40)] {
            assert_eq!(plan.look_for(rounds).rounds, look);
        }
        assert_eq!(plan.tests(), 1);
    }
}
