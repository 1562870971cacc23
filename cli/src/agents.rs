//! Agents: generators on other machines.
//!
//! Built with the feature `agents`; without it, `tenfold agent` and `tenfold run --agents` say so.

#[cfg(not(feature = "agents"))]
mod absent;
#[cfg(feature = "agents")]
mod present;

use tenfold_measure::Crew;

#[cfg(not(feature = "agents"))]
pub(crate) use absent::{muster, serve};
#[cfg(feature = "agents")]
pub(crate) use present::{muster, serve};

/// The agents of a run.
#[derive(Debug)]
pub(crate) struct Mustered {
    /// Number of agents.
    pub(crate) count: u32,
    /// Their names.
    pub(crate) names: Vec<String>,
    /// The agents.
    pub(crate) crew: Box<dyn Crew>,
}
