//! Options on the command line.

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "nosql")]
use clap::ValueEnum as _;

use super::question::Question;
use crate::cli::positive;

/// Options of the comparison of stores.
#[derive(Debug, Args)]
pub(crate) struct NosqlArguments {
    /// Questions to ask [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) questions: Vec<Question>,
    /// CPUs of each box
    #[arg(long = "box", default_value_t = 1.0, value_name = "CPU", value_parser = positive)]
    pub(crate) box_cpu: f64,
    /// Rounds, in each of which both stores have a turn [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: Option<u32>,
    /// Measured time of each turn, in seconds [default: 6]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: Option<u64>,
    /// Quick check: a tenth of the data, one round of two seconds; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Directory for nosql.json, nosql.md and nosql.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stores
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

#[cfg(feature = "nosql")]
impl NosqlArguments {
    /// Returns the questions to ask.
    pub(crate) fn questions(&self) -> Vec<Question> {
        match self.questions.is_empty() {
            true => Question::value_variants().to_vec(),
            false => self.questions.clone(),
        }
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// Returns the measured time of each turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 6 })
    }
}
