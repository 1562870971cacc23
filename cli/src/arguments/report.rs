//! Flags of `tenfold report`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::groups::output::OutputArguments;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Run directories; the others are compared with the first
    #[arg(
        required_unless_present = "index",
        env = "TENFOLD_RUNS",
        value_delimiter = ','
    )]
    pub(crate) runs: Vec<PathBuf>,
    /// Write one page over all runs in and below DIR, with links to their reports
    #[arg(
        long,
        value_name = "DIR",
        env = "TENFOLD_INDEX",
        conflicts_with = "runs"
    )]
    pub(crate) index: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// HTML file to write [default: report.html in the run directory; for several runs, comparison.html in
    /// the working directory; with --index, index.html in DIR]
    #[arg(
        long,
        help_heading = "Output",
        value_name = "FILE",
        env = "TENFOLD_REPORT_OUT"
    )]
    pub(crate) out: Option<PathBuf>,
    /// Open the page in the browser of the desktop
    #[arg(long, help_heading = "Output", env = "TENFOLD_OPEN", value_parser = BoolishValueParser::new())]
    pub(crate) open: bool,
}
