//! Agents of a build that has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tenfold_agents::{AgentOptions, AgentsError, Broker, CrewOptions, Limits, Wanted};
use tenfold_loadgen::Interrupt;
use tenfold_scenarios::Scenario;

use crate::agents::Mustered;
use crate::arguments::agent::AgentArguments;
use crate::arguments::groups::agents::AgentsArguments;
use crate::arguments::values::Label;
use crate::exit::{ChildFailed, Exit, TARGET_FAILED, UsageError};
use crate::interrupt;
use crate::output::print;
use crate::permission::host_guard;

/// Finds the agents of a run.
pub(crate) fn muster(
    arguments: &AgentsArguments,
    scenario: &Scenario,
    interrupt: &Interrupt,
) -> anyhow::Result<Mustered> {
    let broker = Broker::new(arguments.server()?.to_owned())
        .with_credentials(arguments.nats_creds.clone())
        .with_nkey(arguments.nats_nkey.clone())
        .with_authority(arguments.nats_ca.clone());
    let wanted = Wanted {
        count: arguments.agents,
        labels: map_of(&arguments.labels),
        patience: arguments.agent_wait,
    };
    let folder = scenario.origin().parent().unwrap_or(Path::new(""));
    let files = scenario.files().into_iter().map(Path::to_owned);
    let options = CrewOptions {
        folder: folder.to_owned(),
        files: files.collect(),
        clock_error_max: arguments.clock_error_max,
    };
    let crew = tenfold_agents::find(&broker, &wanted, options, interrupt).map_err(failure)?;
    let names: Vec<String> = crew.names().into_iter().map(str::to_owned).collect();
    Ok(Mustered {
        count: u32::try_from(names.len()).unwrap_or(u32::MAX),
        names,
        crew: Box::new(crew),
    })
}

/// Runs an agent until it is interrupted.
pub(crate) fn serve(arguments: &AgentArguments) -> anyhow::Result<Exit> {
    let interrupt = interrupt::catch()?;
    let allowed = host_guard::allowed_hosts(&arguments.allowed_hosts)?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => host_name(),
    };
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(UsageError(format!(
            "could not use the name `{}` for an agent: give 1 to 64 characters without spaces with --name",
            name.escape_debug()
        ))
        .into());
    }
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let mut words = vec!["generator".to_owned(), "--of-agent".to_owned()];
    for host in &allowed {
        words.extend(["--allow-host".to_owned(), host.clone()]);
    }
    let command = (program, words);
    let options = AgentOptions {
        broker: Broker::new(arguments.nats.clone())
            .with_credentials(arguments.creds.clone())
            .with_nkey(arguments.nkey.clone())
            .with_authority(arguments.ca.clone()),
        name,
        labels: map_of(&arguments.labels),
        limits: Limits {
            hosts: Arc::new(host_guard::judge_of_operator(allowed)),
            rate_max: arguments.max_rate,
            users_max: arguments.max_users,
        },
        directory: std::path::absolute(&arguments.records)
            .with_context(|| format!("could not use {}", arguments.records.display()))?,
        start: Arc::new(move |job, messages| {
            tenfold_measure::start_process(&command, job, messages)
        }),
    };
    tenfold_agents::serve(options, interrupt, print::note).map_err(failure)?;
    Ok(Exit::Met)
}

fn map_of(labels: &[Label]) -> BTreeMap<String, String> {
    let labels = labels.iter();
    labels
        .map(|Label { name, value }| (name.clone(), value.clone()))
        .collect()
}

fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

/// Returns the error of a command, with its exit code.
fn failure(error: AgentsError) -> anyhow::Error {
    match error {
        AgentsError::Setting(message) => UsageError(message).into(),
        AgentsError::Interrupted => tenfold_loadgen::LoadError::Interrupted.into(),
        AgentsError::System { .. } => error.into(),
        _ => ChildFailed {
            code: TARGET_FAILED,
            message: error.to_string(),
        }
        .into(),
    }
}
