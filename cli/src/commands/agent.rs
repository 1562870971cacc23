//! `tenfold agent`: send shares of runs that are started elsewhere.

use std::path::PathBuf;

use crate::agents;
use crate::arguments::agent::AgentArguments;
use crate::exit::Exit;
use crate::manifest::AgentManifest;
use crate::output::print;

/// Takes part in runs until it is interrupted, or prints the manifest of such agents.
pub(crate) fn agent(arguments: &AgentArguments) -> anyhow::Result<Exit> {
    if let Some(count) = arguments.print_manifest {
        print::out(&manifest(arguments, count).text())?;
        return Ok(Exit::Met);
    }
    agents::serve(arguments)
}

fn manifest(arguments: &AgentArguments, count: u32) -> AgentManifest {
    let secret = |path: &PathBuf| path.display().to_string();
    let labels = arguments.labels.iter();
    AgentManifest {
        count,
        image: arguments.image.clone(),
        nats: arguments.nats.clone(),
        labels: labels
            .map(|label| format!("{}={}", label.name, label.value))
            .collect(),
        allow_hosts: arguments.allowed_hosts.clone(),
        max_rate: arguments.max_rate.map(|rate| rate.to_string()),
        max_users: arguments.max_users,
        credentials: arguments.creds.as_ref().map(secret),
        ca: arguments.ca.as_ref().map(secret),
    }
}
