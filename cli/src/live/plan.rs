//! What a run is going to do, for whoever watches it.

use std::time::Duration;

use tenfold_scenarios::Scenario;

/// Stretches of equal length whose planned rates are known: more than a terminal has columns.
const STRETCHES: u32 = 480;

/// What a run is going to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The scenario's name.
    pub(crate) scenario: String,
    /// Where it is sent.
    pub(crate) target: String,
    /// Its phases.
    pub(crate) phases: Vec<PlannedPhase>,
    /// How long they last together.
    pub(crate) total: Duration,
    /// Mean planned rates, per second, in stretches of equal length; all zero for a closed model.
    pub(crate) curve: Vec<f64>,
}

/// A phase to come.
#[derive(Debug, Clone)]
pub(crate) struct PlannedPhase {
    /// Its name.
    pub(crate) name: String,
    /// How long it lasts.
    pub(crate) duration: Duration,
    /// Whether it is sent but not counted.
    pub(crate) warm_up: bool,
}

impl Plan {
    /// What a scenario is going to send to a target.
    pub(crate) fn of(scenario: &Scenario, target: &str) -> Self {
        let total = scenario.duration();
        let before = |time: Duration| -> f64 {
            let begun = scenario.phases.iter();
            begun
                .take_while(|phase| phase.start < time)
                .map(|phase| phase.expected_before(time - phase.start))
                .sum()
        };
        let stretch = total / STRETCHES;
        let expected: Vec<f64> = (0..=STRETCHES)
            .map(|index| before(stretch * index))
            .collect();
        let seconds = stretch.as_secs_f64().max(f64::MIN_POSITIVE);
        Self {
            scenario: scenario.name.clone(),
            target: target.to_owned(),
            phases: scenario
                .phases
                .iter()
                .map(|phase| PlannedPhase {
                    name: phase.name.clone(),
                    duration: phase.duration,
                    warm_up: phase.warm_up,
                })
                .collect(),
            total,
            curve: expected
                .windows(2)
                .map(|pair| (pair[1] - pair[0]).max(0.0) / seconds)
                .collect(),
        }
    }

    /// The names of the phases.
    pub(crate) fn phase_names(&self) -> Vec<String> {
        self.phases.iter().map(|phase| phase.name.clone()).collect()
    }

    /// The highest planned rate in each of so many columns.
    pub(crate) fn columns(&self, columns: usize) -> Vec<f64> {
        let of = self.curve.len();
        (0..columns)
            .map(|column| {
                let from = column * of / columns;
                let to = ((column + 1) * of / columns).clamp(from + 1, of.max(from + 1));
                let rates = self.curve.get(from..to.min(of)).unwrap_or_default();
                rates.iter().copied().fold(0.0, f64::max)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_curve_is_that_of_the_phases() {
        let scenario = Scenario::parse(
            r#"
            version = 1
            name = "plan"
            phases = [
                { name = "warm", kind = "constant", rate = "100/s", duration = "10s", warm_up = true },
                { name = "up", kind = "ramp", from = "100/s", to = "500/s", duration = "30s" },
            ]
            requests = [{ name = "read", kind = "read", weight = 1, path = "/" }]
            "#,
            Path::new("plan.toml"),
        )
        .unwrap();
        let plan = Plan::of(&scenario, "http://127.0.0.1");
        let columns = plan.columns(40);
        assert!((columns[0] - 100.0).abs() < 1.0, "{columns:?}");
        assert!((columns[39] - 500.0).abs() < 2.0, "{columns:?}");
        assert!((columns[24] - 300.0).abs() < 10.0, "{columns:?}");
        assert_eq!(plan.columns(1000).len(), 1000);
        assert_eq!(plan.columns(0).len(), 0);
    }
}
