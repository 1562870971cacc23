//! Agents of a build without the feature `agents`.

use tenfold_loadgen::Interrupt;
use tenfold_scenarios::Scenario;

use crate::agents::Mustered;
use crate::arguments::agent::AgentArguments;
use crate::arguments::groups::agents::AgentsArguments;
use crate::exit::{Exit, UsageError};

/// Refuses.
pub(crate) fn muster(_: &AgentsArguments, _: &Scenario, _: &Interrupt) -> anyhow::Result<Mustered> {
    Err(refusal().into())
}

/// Refuses.
pub(crate) fn serve(_: &AgentArguments) -> anyhow::Result<Exit> {
    Err(refusal().into())
}

fn refusal() -> UsageError {
    UsageError(
        "this tenfold was compiled without the `agents` feature; build it with `--features agents`, or install a release"
            .to_owned(),
    )
}
