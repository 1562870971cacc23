//! Flags of `tenfold report`.

use std::path::PathBuf;

use clap::Args;

use super::groups::output::OutputArguments;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Run directories; the others are compared with the first
    #[arg(required = true, env = "TENFOLD_RUNS", value_delimiter = ',')]
    pub(crate) runs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// HTML file to write [default: report.html in the run directory; for several runs, comparison.html in
    /// the working directory]
    #[arg(
        long,
        help_heading = "Output",
        value_name = "FILE",
        env = "TENFOLD_REPORT_OUT"
    )]
    pub(crate) out: Option<PathBuf>,
}
