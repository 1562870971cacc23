//! Flags of `tenfold doctor`.

use clap::Args;
use clap::builder::BoolishValueParser;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Print the result as a single JSON document on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}
