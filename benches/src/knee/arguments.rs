//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of the benchmark of searches.
#[derive(Debug, Args)]
pub(crate) struct KneeArguments {
    /// Searches of real servers [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) runs: Option<u32>,
    /// Searches of each simulated service [default: 60]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) seeds: Option<u32>,
    /// Quick check: searches of 90 s to a width of 10%, five of them real
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for knee.json, knee.md and knee.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the searches
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl KneeArguments {
    /// Returns the number of searches of real servers.
    pub(crate) fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.quick { 5 } else { 20 })
    }

    /// Returns the number of searches of each simulated service.
    pub(crate) fn seeds(&self) -> u32 {
        self.seeds.unwrap_or(60)
    }
}

/// Options of the server with permits.
#[derive(Debug, Args)]
pub(crate) struct PermitsArguments {
    /// Requests at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) permits: u32,
    /// Time of each request, in microseconds
    #[arg(long, value_name = "US", value_parser = clap::value_parser!(u64).range(1..=60_000_000))]
    pub(crate) takes_us: u64,
}
