//! Flags of `tenfold merge`.

use std::path::PathBuf;

use clap::Args;

use super::groups::output::OutputArguments;

#[derive(Debug, Args)]
#[command(after_help = "Exit codes are those of `tenfold run`.")]
pub(crate) struct MergeArguments {
    /// Run directories, one for each generator
    #[arg(required = true, env = "TENFOLD_RUNS", value_delimiter = ',')]
    pub(crate) runs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Run directory to write [default: runs/TIME-SCENARIO-merged]
    #[arg(long, help_heading = "Output", value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
}
