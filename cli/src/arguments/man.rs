//! Flags of `tenfold man`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Command whose page to print, such as `run` or `lab up` [default: the page of tenfold itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", env = "TENFOLD_MAN_OUT")]
    pub(crate) out: Option<PathBuf>,
}
