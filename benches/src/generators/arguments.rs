//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::cli::positive;

/// Options of the comparison of one generator with several.
#[derive(Debug, Args)]
pub(crate) struct GeneratorsArguments {
    /// Numbers of generators
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_value = "1,2,4",
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) counts: Vec<u32>,
    /// CPUs of each generator
    #[arg(long = "box", default_value_t = 0.15, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// CPUs of the server
    #[arg(long, default_value_t = 1.0, value_name = "CPU", value_parser = positive)]
    pub(crate) server_cpu: f64,
    /// First rate to try for each generator, in requests per second
    #[arg(long, default_value_t = 4_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) first_rate: u32,
    /// Measured time of each trial, in seconds [default: 8]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Trials of the cost of each number, in turns [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Quick check: trials of two seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for generators.json, generators.md and generators.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl GeneratorsArguments {
    /// Returns the measured time of each trial, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 8 })
    }

    /// Returns the number of trials of the cost of each number.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }
}
