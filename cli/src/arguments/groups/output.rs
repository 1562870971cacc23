//! Formats in which the results of a run are written.

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_reports::TraceUrl;
use tenfold_reports::run::formats::RunExport;

use crate::arguments::values::export;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print the summary as a single JSON document on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Write the run as KIND to FILE, to standard output (`-`), or to KIND's usual file in the run
    /// directory. Kinds: json, csv (a row a second), csv-requests, junit, markdown, hgrm, hlog,
    /// openmetrics, k6. Repeatable
    #[arg(long, value_name = "KIND[=FILE]", value_parser = export, value_delimiter = ',',
        env = "TENFOLD_EXPORT")]
    pub(crate) export: Vec<RunExport>,
    /// Link the trace ids of the report to a viewer, such as `https://tempo.example/trace/{trace_id}`
    #[arg(long, value_name = "URL", env = "TENFOLD_TRACE_URL")]
    pub(crate) trace_url: Option<TraceUrl>,
}
