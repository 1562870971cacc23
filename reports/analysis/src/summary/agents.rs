//! The agents of a run on several machines.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::agents::Agents;

/// The agents of a run on several machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentsSummary {
    /// Names, in the order of the generators.
    pub names: Vec<String>,
    /// Names of those that did not complete their records.
    pub lost: Vec<String>,
    /// Time between the first and the last start, by the controller's clock, in nanoseconds. `None` if it is not known.
    pub start_spread_ns: Option<u64>,
    /// Uncertainty of this time, in nanoseconds.
    pub start_spread_uncertainty_ns: Option<u64>,
}

impl AgentsSummary {
    /// Summarises the agents. `None` if there were none.
    pub(crate) fn of(agents: &Agents) -> Option<Self> {
        let spread = agents.start_spread_ns();
        let lost = agents.agents.iter().filter(|agent| agent.lost.is_some());
        let names = agents.agents.iter().map(|agent| agent.name.clone());
        (!agents.agents.is_empty()).then(|| Self {
            names: names.collect(),
            lost: lost.map(|agent| agent.name.clone()).collect(),
            start_spread_ns: spread.map(|own| own.0),
            start_spread_uncertainty_ns: spread.map(|own| own.1),
        })
    }
}
