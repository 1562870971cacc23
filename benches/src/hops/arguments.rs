//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::cli::positive;

/// Options of the benchmark of hops.
#[derive(Debug, Args)]
pub(crate) struct HopsArguments {
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Requests per second: low enough that nothing queues
    #[arg(long, default_value_t = 40, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Length of a turn, in seconds [default: 30]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Rounds, with a turn of both in each [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Quick check: one round of ten seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for hops.json, hops.md and hops.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl HopsArguments {
    /// Returns the length of a turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 10 } else { 30 })
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }
}
