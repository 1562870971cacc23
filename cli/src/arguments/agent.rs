//! Flags of `tenfold agent`.

use std::path::PathBuf;

use clap::Args;
use tenfold_scenarios::Rate;

use super::values::{Label, label, rate};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 interrupted; 104 bad configuration; 107 the NATS server could not be reached"
)]
pub(crate) struct AgentArguments {
    /// NATS server, such as nats://127.0.0.1:4222 or tls://nats.example:4222
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_NATS",
        hide_env_values = true,
        required = true
    )]
    pub(crate) nats: String,
    /// Name of the agent, which no other one has [default: the name of this machine]
    #[arg(long, value_name = "NAME", env = "TENFOLD_NAME")]
    pub(crate) name: Option<String>,
    /// Label by which runs choose agents
    #[arg(long = "label", value_name = "NAME=VALUE", env = "TENFOLD_LABEL", value_delimiter = ',', value_parser = label)]
    pub(crate) labels: Vec<Label>,
    /// Credentials file for the NATS server
    #[arg(
        long,
        value_name = "FILE",
        env = "TENFOLD_CREDS",
        conflicts_with = "nkey"
    )]
    pub(crate) creds: Option<PathBuf>,
    /// File with the seed of an nkey for the NATS server
    #[arg(long, value_name = "FILE", env = "TENFOLD_NKEY")]
    pub(crate) nkey: Option<PathBuf>,
    /// Certificates that sign the NATS server's [default: those of the system]
    #[arg(long, value_name = "FILE", env = "TENFOLD_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// Directory of records on their way to a run; those of a run whose controller is gone stay there
    #[arg(
        long,
        value_name = "DIR",
        env = "TENFOLD_RECORDS",
        default_value = "agent-records"
    )]
    pub(crate) records: PathBuf,
    /// Host that load may be sent to, and no other [default: this machine and private networks, as for `tenfold run`]
    #[arg(
        long = "allow-host",
        help_heading = "Limits",
        value_name = "HOST",
        env = "TENFOLD_ALLOW_HOST",
        value_delimiter = ','
    )]
    pub(crate) allowed_hosts: Vec<String>,
    /// Highest planned rate of a share, such as 5k/s
    #[arg(long, help_heading = "Limits", value_name = "RATE", env = "TENFOLD_MAX_RATE", value_parser = rate)]
    pub(crate) max_rate: Option<Rate>,
    /// Most virtual users of a share
    #[arg(
        long,
        help_heading = "Limits",
        value_name = "N",
        env = "TENFOLD_MAX_USERS"
    )]
    pub(crate) max_users: Option<u32>,
    /// Print the Kubernetes manifest of N such agents, and exit. --creds and --ca then name the Secrets with the files agent.creds and ca.crt
    #[arg(
        long,
        help_heading = "Kubernetes",
        value_name = "N",
        env = "TENFOLD_PRINT_MANIFEST",
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = ["name", "nkey"]
    )]
    pub(crate) print_manifest: Option<u32>,
    /// Image of the agents in the manifest
    #[arg(
        long,
        help_heading = "Kubernetes",
        value_name = "IMAGE",
        env = "TENFOLD_IMAGE",
        default_value = "tenfold:latest",
        requires = "print_manifest"
    )]
    pub(crate) image: String,
}

#[derive(Debug, Args)]
pub(crate) struct GeneratorArguments {
    /// Host that the operator of an agent allows
    #[arg(long = "allow-host", value_name = "HOST")]
    pub(crate) allowed_hosts: Vec<String>,
    /// Judges hosts by what the operator of an agent allows, not by what the run permits
    #[arg(long)]
    pub(crate) of_agent: bool,
}
