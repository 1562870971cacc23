//! Flags of `tenfold init`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// URL of a service, such as http://127.0.0.1:8080/health; or an OpenAPI document, a HAR file or an
    /// access log. A URL is read as a document if it ends with .json, .yaml, .yml or /api-docs
    #[arg(env = "TENFOLD_SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) operations: OperationArguments,
    #[command(flatten)]
    pub(crate) output: InitOutputArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "OpenAPI")]
pub(crate) struct OperationArguments {
    /// Read the URL as an OpenAPI document, whatever its path
    #[arg(long, env = "TENFOLD_OPENAPI", value_parser = BoolishValueParser::new())]
    pub(crate) openapi: bool,
    /// Use only operations with this tag [default: all]
    #[arg(long, value_name = "TAG", env = "TENFOLD_TAG")]
    pub(crate) tag: Option<String>,
    /// Use only paths with this prefix [default: all]
    #[arg(long, value_name = "PREFIX", env = "TENFOLD_PATH")]
    pub(crate) path: Option<String>,
    /// Send DELETE requests too, instead of writing them as comments
    #[arg(long, env = "TENFOLD_DELETES", value_parser = BoolishValueParser::new())]
    pub(crate) deletes: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct InitOutputArguments {
    /// Scenario file to write; the JSON Schema is written beside it [default: a name from SOURCE]
    #[arg(long, value_name = "FILE", env = "TENFOLD_INIT_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, env = "TENFOLD_FORCE", value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
    /// Print the result as a single JSON document on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}
