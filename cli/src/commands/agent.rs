//! `tenfold agent`: send shares of runs that are started elsewhere.

use crate::agents;
use crate::arguments::agent::AgentArguments;
use crate::exit::Exit;

/// Takes part in runs until it is interrupted.
pub(crate) fn agent(arguments: &AgentArguments) -> anyhow::Result<Exit> {
    agents::serve(arguments)
}
