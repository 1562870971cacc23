//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of the benchmark of agents.
#[derive(Debug, Args)]
pub(crate) struct AgentsArguments {
    /// Numbers of agents
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_value = "10,100,1000",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) counts: Vec<u32>,
    /// Requests per second of each agent
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate_each: u32,
    /// Length of each run, in seconds [default: 60]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Quick check: runs of 15 seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for agents.json, agents.md and agents.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl AgentsArguments {
    /// Returns the length of each run, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 15 } else { 60 })
    }
}

/// Options of simulated agents.
#[derive(Debug, Args)]
pub(crate) struct SimulatedAgentsArguments {
    /// URL of the NATS server
    #[arg(long, value_name = "URL")]
    pub(crate) nats: String,
    /// Number of agents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) agents: u32,
    /// Directory for the records
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Binary of Tenfold, for the generator
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: PathBuf,
}
