//! Plan of a run, for the live view.

use std::time::Duration;

use tenfold_scenarios::Scenario;

/// Intervals of equal length for which the plan has a rate. More than a terminal has columns.
const INTERVALS: u32 = 480;

/// Plan of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Target of the load.
    pub(crate) target: String,
    /// Phases, in order.
    pub(crate) phases: Vec<PlannedPhase>,
    /// Length of all phases.
    pub(crate) total: Duration,
    /// Mean planned rates per second, in intervals of equal length. All zero in a closed model.
    pub(crate) curve: Vec<f64>,
}

/// A planned phase.
#[derive(Debug, Clone)]
pub(crate) struct PlannedPhase {
    /// Name of the phase.
    pub(crate) name: String,
    /// Length of the phase.
    pub(crate) duration: Duration,
    /// `true` if the phase is sent, but not counted.
    pub(crate) warm_up: bool,
}

impl Plan {
    /// Plans the run of a scenario against a target.
    pub(crate) fn of(scenario: &Scenario, target: &str) -> Self {
        let total = scenario.duration();
        let before = |time: Duration| -> f64 {
            let phases = scenario.phases.iter();
            phases
                .take_while(|phase| phase.start < time)
                .map(|phase| phase.expected_before(time - phase.start))
                .sum()
        };
        let interval = total / INTERVALS;
        let expected: Vec<f64> = (0..=INTERVALS)
            .map(|index| before(interval * index))
            .collect();
        let seconds = interval.as_secs_f64().max(f64::MIN_POSITIVE);
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

    /// Returns the names of the phases.
    pub(crate) fn phase_names(&self) -> Vec<String> {
        self.phases.iter().map(|phase| phase.name.clone()).collect()
    }

    /// Returns the highest planned rate in each of `columns` columns.
    pub(crate) fn columns(&self, columns: usize) -> Vec<f64> {
        let intervals = self.curve.len();
        (0..columns)
            .map(|column| {
                let from = column * intervals / columns;
                let to =
                    ((column + 1) * intervals / columns).clamp(from + 1, intervals.max(from + 1));
                let rates = self.curve.get(from..to.min(intervals)).unwrap_or_default();
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
    fn curve_follows_the_phases() {
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
