//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::cli::positive;

/// Options of the benchmark of caches.
#[derive(Debug, Args)]
pub(crate) struct CachesArguments {
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Reads per second of all browsers
    #[arg(long, default_value_t = 160, value_name = "N",
          value_parser = clap::value_parser!(u32).range(8..=100_000))]
    pub(crate) rate: u32,
    /// Time of each turn, of which the first half fills the caches, in seconds [default: 60]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(4..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Seed of the reads
    #[arg(long, default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// Quick check: turns of ten seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for caches.json, caches.md and caches.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stages
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl CachesArguments {
    /// Returns the time of each turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 10 } else { 60 })
    }
}
