//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::cli::positive;

/// Options of the benchmark of overload.
#[derive(Debug, Args)]
pub(crate) struct OverloadArguments {
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// First rate at which the capacity of the worker is looked for, in uploads per second
    #[arg(long, default_value_t = 20, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) first_rate: u32,
    /// Length of a turn, in seconds [default: 90]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Wait up to which a job counts as done in time, in seconds
    #[arg(long, default_value_t = 10.0, value_name = "S", value_parser = positive)]
    pub(crate) in_time: f64,
    /// Quick check: turns of 15 seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for overload.json, overload.md and overload.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl OverloadArguments {
    /// Returns the length of a turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 15 } else { 90 })
    }
}
