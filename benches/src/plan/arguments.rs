//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of the comparison of simulations with measurements.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Stages to climb and simulate
    #[arg(long, value_delimiter = ',', value_name = "NAMES", default_value = "single-box",
          value_parser = ["single-box", "separated", "balanced", "cached"])]
    pub(crate) stages: Vec<String>,
    /// CPUs of each box, and the sizes through which the single box grows [default: 0.2,0.4,0.8]
    #[arg(long, value_delimiter = ',', value_name = "CPUS")]
    pub(crate) boxes: Vec<f64>,
    /// Quick check: one server with permits, one step, short searches; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for plan.json, plan.md and plan.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the runs
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}
