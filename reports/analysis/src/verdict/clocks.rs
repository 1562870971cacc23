//! Objections to the clocks of agents.

use tenfold_run_dir::Run;
use tenfold_run_dir::agents::{Agent, AgentClock};

use super::parts::name;
use crate::format;
use crate::verdict::objection::{Objection, suspect};

/// Objects to agents that started apart from the others, or whose clocks went apart during the run, by more than the bound with which
/// they were accepted: their arrivals were not those of one schedule.
pub(super) fn clocks(run: &Run) -> Vec<Objection> {
    let agents = run.agents.agents.iter();
    agents
        .filter_map(|agent| objection(run, agent, agent.clock.as_ref()?))
        .collect()
}

fn objection(run: &Run, agent: &Agent, clock: &AgentClock) -> Option<Objection> {
    let bound = run.agents.clock_error_max_ns;
    let who = name(run, agent.number);
    // What round trips can't tell apart is no evidence.
    let beyond = |error: i64, uncertainty: u64| {
        let error = error.unsigned_abs();
        (error.saturating_sub(uncertainty) > bound).then(|| format::duration(error))
    };
    let uncertainty = clock.start_uncertainty_ns.unwrap_or(0);
    if let Some(error) = beyond(clock.start_error_ns?, uncertainty) {
        return suspect(format!(
            "{who} started {error} apart from the controller's clock; the bound is {}",
            format::duration(bound)
        ));
    }
    let drift = beyond(clock.drift_ns?, uncertainty)?;
    suspect(format!(
        "the clock of {who} went {drift} apart from the controller's during the run; the bound is {}",
        format::duration(bound)
    ))
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::agents::Agents;

    use super::*;
    use crate::summary::verdict::MeasurementVerdict::Suspect;
    use crate::verdict::brief_run;

    fn run_with(start_error_ns: Option<i64>, drift_ns: Option<i64>) -> Run {
        let mut run = brief_run();
        run.manifest.generators = 2;
        let clock = AgentClock {
            offset_ns: -5,
            uncertainty_ns: 400_000,
            round_trip_ns: 800_000,
            start_error_ns,
            start_uncertainty_ns: Some(1_000_000),
            drift_ns,
        };
        run.agents = Agents {
            clock_error_max_ns: 5_000_000,
            machine: None,
            agents: vec![Agent {
                number: 2,
                name: "box2".to_owned(),
                labels: Default::default(),
                host: None,
                machine: None,
                clock: Some(clock),
                lost: None,
            }],
        };
        run
    }

    #[test]
    fn clocks_beyond_the_bound_are_suspect() {
        assert!(clocks(&brief_run()).is_empty());
        for (start, drift) in [
            (None, None),
            (Some(-6_000_000), None),
            (Some(6_000_000), Some(-6_000_000)),
        ] {
            assert!(clocks(&run_with(start, drift)).is_empty(), "{start:?}");
        }
        for (start, drift, expected) in [
            (
                Some(-7_000_000),
                None,
                "agent box2 (generator 2 of 2) started 7.00 ms apart",
            ),
            (
                Some(0),
                Some(9_000_000),
                "the clock of agent box2 (generator 2 of 2) went 9.00 ms apart",
            ),
        ] {
            let objections = clocks(&run_with(start, drift));
            assert_eq!(objections.len(), 1);
            assert_eq!(objections[0].grade, Suspect);
            assert!(
                objections[0].reason.starts_with(expected),
                "{}",
                objections[0].reason
            );
        }
    }
}
