//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

use super::{load, policy};
use crate::cli::positive;

/// Options of the comparison of scaling policies.
#[derive(Debug, Args)]
pub(crate) struct AutoscaleArguments {
    /// Loads to play [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) loads: Vec<load::Kind>,
    /// Policies to compare [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) policies: Vec<policy::Kind>,
    /// CPUs of each application server
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU")]
    pub(crate) box_cpu: f64,
    /// Requests per second that the smallest group sustains [default: searched for]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) sustained: Option<f64>,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for autoscale.json, autoscale.md and autoscale.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the data of the stage and the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}
