//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of the benchmark of diagnoses.
#[derive(Debug, Args)]
pub(crate) struct FindingsArguments {
    /// Bottleneck to plant, by its name or the beginning of it [default: all]. Repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Diagnoses of each bottleneck [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) turns: Option<u32>,
    /// Quick check: one diagnosis of each; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for findings.json, findings.md and findings.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the services and the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl FindingsArguments {
    /// Returns the number of diagnoses of each bottleneck.
    pub(crate) fn turns(&self) -> u32 {
        self.turns.unwrap_or(if self.quick { 1 } else { 3 })
    }
}
