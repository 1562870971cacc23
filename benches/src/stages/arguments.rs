//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use super::Load;

/// Options of the stage benchmark.
#[derive(Debug, Args)]
pub(crate) struct StagesArguments {
    /// Stages to measure [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES",
          value_parser = ["single-box", "separated", "balanced", "cached", "autoscaled", "partitioned"])]
    pub(crate) stages: Vec<String>,
    /// Loads to measure them with [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LOADS")]
    pub(crate) loads: Vec<Load>,
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU")]
    pub(crate) box_cpu: f64,
    /// First rate to try, in requests per second
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) first_rate: u32,
    /// Measured time of each step, in seconds [default: 12]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Quick check: steps of four seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for stages.json and writes.json, and the pages
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl StagesArguments {
    /// Returns whether a load is to be measured.
    pub(crate) fn wants(&self, load: Load) -> bool {
        self.loads.is_empty() || self.loads.contains(&load)
    }

    /// Returns the measured time of each step, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 4 } else { 12 })
    }
}
