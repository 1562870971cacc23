//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::cli::positive;

/// Options of the benchmark of months.
#[derive(Debug, Args)]
pub(crate) struct MonthsArguments {
    /// CPUs of the box
    #[arg(long = "box", default_value_t = 0.5, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Posts of a month [default: 20000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub(crate) posts: Option<u64>,
    /// Rounds [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=11))]
    pub(crate) rounds: Option<u32>,
    /// Quick check: 500 posts a month and one round; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for months.json, months.md and months.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl MonthsArguments {
    /// Returns the number of posts of a month.
    pub(crate) fn posts_a_month(&self) -> u64 {
        self.posts.unwrap_or(if self.quick { 500 } else { 20_000 })
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }
}
