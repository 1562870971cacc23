//! Agents that share the load of a run, and the NATS server that they are connected to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::arguments::values::{Label, duration, label};
use crate::exit::UsageError;

#[derive(Debug, Args)]
#[command(next_help_heading = "Agents")]
pub(crate) struct AgentsArguments {
    /// Agents that share the load, each on a machine of its own and started there with `tenfold agent` [default with
    /// --agent-label: all that have the labels]
    #[arg(long, value_name = "N", env = "TENFOLD_AGENTS", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) agents: Option<u32>,
    /// Label that the agents must have
    #[arg(long = "agent-label", value_name = "NAME=VALUE", env = "TENFOLD_AGENT_LABEL", value_delimiter = ',', value_parser = label)]
    pub(crate) labels: Vec<Label>,
    /// NATS server that the agents are connected to, such as nats://127.0.0.1:4222 or tls://nats.example:4222
    #[arg(long, value_name = "URL", env = "TENFOLD_NATS", hide_env_values = true)]
    pub(crate) nats: Option<String>,
    /// Credentials file for the NATS server
    #[arg(
        long,
        value_name = "FILE",
        env = "TENFOLD_NATS_CREDS",
        conflicts_with = "nats_nkey"
    )]
    pub(crate) nats_creds: Option<PathBuf>,
    /// File with the seed of an nkey for the NATS server
    #[arg(long, value_name = "FILE", env = "TENFOLD_NATS_NKEY")]
    pub(crate) nats_nkey: Option<PathBuf>,
    /// Certificates that sign the NATS server's [default: those of the system]
    #[arg(long, value_name = "FILE", env = "TENFOLD_NATS_CA")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// Longest time to wait for agents that are not there yet
    #[arg(long, value_name = "TIME", env = "TENFOLD_AGENT_WAIT", default_value = "10s", value_parser = duration)]
    pub(crate) agent_wait: Duration,
    /// Let the other agents go on if one is lost, or end the run
    #[arg(
        long,
        value_name = "ACTION",
        env = "TENFOLD_ON_LOST_AGENT",
        default_value = "continue"
    )]
    pub(crate) on_lost_agent: OnLostAgent,
    /// Largest uncertainty of an agent's clock
    #[arg(long, value_name = "TIME", env = "TENFOLD_CLOCK_ERROR_MAX", default_value = "25ms", value_parser = duration)]
    pub(crate) clock_error_max: Duration,
}

/// Action of the other agents if one is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLostAgent {
    // Doc comments would be listed in the help of every flag.
    Continue,
    Stop,
}

impl AgentsArguments {
    /// Returns whether agents are to send the load.
    pub(crate) fn are_wanted(&self) -> bool {
        self.agents.is_some() || !self.labels.is_empty()
    }

    /// Returns the NATS server.
    ///
    /// # Errors
    /// If there is none.
    #[cfg_attr(
        not(feature = "agents"),
        expect(dead_code, reason = "no agents are built in")
    )]
    pub(crate) fn server(&self) -> Result<&str, UsageError> {
        self.nats.as_deref().ok_or_else(|| {
            UsageError(
                "agents are found over NATS: give the server with --nats, such as --nats nats://127.0.0.1:4222"
                    .to_owned(),
            )
        })
    }
}
