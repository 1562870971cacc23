//! `agents.json`: the machines that sent the load of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::Host;

/// The agents of a run on several machines. Written when all are ready, and again at the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agents {
    /// Largest uncertainty of a clock with which an agent was accepted, in nanoseconds.
    pub clock_error_max_ns: u64,
    /// Boot ID of the controller's machine. `None` if it is not known, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The agents, in the order of their generators.
    pub agents: Vec<Agent>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Number of its generator, from 1.
    pub number: u32,
    /// Name.
    pub name: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its machine. `None` if it has not said.
    pub host: Option<Host>,
    /// Boot ID of its machine, which several agents may share. `None` if it is not known, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Its clock. `None` if the run ended before the clock was known.
    pub clock: Option<AgentClock>,
    /// Why it did not complete its record. `None` if it did.
    pub lost: Option<String>,
}

/// The monotonic clock of an agent beside that of the controller, from round trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentClock {
    /// The agent's clock minus the controller's before the start. Both count from arbitrary moments.
    pub offset_ns: i64,
    /// The offset was within this many nanoseconds of the estimate.
    pub uncertainty_ns: u64,
    /// The quickest round trip.
    pub round_trip_ns: u64,
    /// Difference between the start of the agent's clock of the run and that of the controller's, by a second estimate after the
    /// start. `None` if there was none.
    pub start_error_ns: Option<i64>,
    /// Uncertainty of the second estimate.
    pub start_uncertainty_ns: Option<u64>,
    /// Change of the offset from the start to the end of the run. `None` if it is not known.
    pub drift_ns: Option<i64>,
}

impl Agents {
    /// The agent of a generator, by its number. `None` if it is not known.
    pub fn of_generator(&self, number: u32) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.number == number)
    }

    /// Time between the first and the last start, in nanoseconds, and its uncertainty: that of both together. `None` for fewer than two
    /// agents whose start is known.
    pub fn start_spread_ns(&self) -> Option<(u64, u64)> {
        let starts = self.agents.iter().filter_map(|agent| {
            let clock = agent.clock.as_ref()?;
            Some((clock.start_error_ns?, clock.start_uncertainty_ns?))
        });
        let starts: Vec<(i64, u64)> = starts.collect();
        let first = starts.iter().min_by_key(|(start, _)| *start)?;
        let last = starts.iter().max_by_key(|(start, _)| *start)?;
        (starts.len() > 1).then(|| (last.0.abs_diff(first.0), first.1.saturating_add(last.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: u32, start: Option<(i64, u64)>) -> Agent {
        Agent {
            number,
            name: format!("box{number}"),
            labels: BTreeMap::new(),
            host: None,
            machine: None,
            clock: Some(AgentClock {
                offset_ns: 7,
                uncertainty_ns: 1,
                round_trip_ns: 2,
                start_error_ns: start.map(|own| own.0),
                start_uncertainty_ns: start.map(|own| own.1),
                drift_ns: None,
            }),
            lost: None,
        }
    }

    #[test]
    fn spread_is_that_of_the_outermost_starts() {
        let of = |starts: &[Option<(i64, u64)>]| {
            let agents = (1..).zip(starts).map(|(n, start)| agent(n, *start));
            Agents {
                clock_error_max_ns: 9,
                machine: None,
                agents: agents.collect(),
            }
        };
        let several = of(&[Some((-30, 5)), None, Some((40, 6)), Some((0, 99))]);
        assert_eq!(several.start_spread_ns(), Some((70, 11)));
        assert_eq!(of(&[Some((5, 1)), None]).start_spread_ns(), None);
        assert_eq!(of(&[]).start_spread_ns(), None);
        assert_eq!(several.of_generator(3).unwrap().name, "box3");
        assert!(several.of_generator(9).is_none());
    }
}
