//! Flags of `tenfold record`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::BoolishValueParser;

#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// Access logs or HAR files, plain or gzipped; `-` for standard input. Several are one log, in the order of time
    #[arg(value_name = "LOG", env = "TENFOLD_LOG", required = true, num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) scenario: ScenarioArguments,
    #[command(flatten)]
    pub(crate) output: RecordOutputArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArguments {
    /// Format of the log: a name (common, combined, nginx, alb, cloudfront, w3c, iis, caddy, traefik, envoy, json,
    /// har), an Apache LogFormat or nginx log_format, or the fields of JSON Lines (json:time=ts,path=uri)
    /// [default: detected]
    #[arg(long, value_name = "FORMAT", env = "TENFOLD_FORMAT")]
    pub(crate) format: Option<String>,
    /// Use only requests to this host, or with `-` those without one [default: the most frequent host]
    #[arg(long, value_name = "HOST", env = "TENFOLD_HOST")]
    pub(crate) host: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Scenario")]
pub(crate) struct ScenarioArguments {
    /// Fit a scenario (rate curve, mix, key popularity) instead of writing a trace
    #[arg(long, env = "TENFOLD_MODEL", value_parser = BoolishValueParser::new())]
    pub(crate) model: bool,
    /// Write the visit of a HAR file as a journey that each user repeats, with cookies, redirects and captured tokens
    #[arg(
        long,
        env = "TENFOLD_JOURNEY",
        value_parser = BoolishValueParser::new(),
        conflicts_with_all = ["model", "speed", "format"]
    )]
    pub(crate) journey: bool,
    /// Replay speed, as a multiple of the recorded speed
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        env = "TENFOLD_SPEED",
        conflicts_with = "model"
    )]
    pub(crate) speed: f64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RecordOutputArguments {
    /// Scenario file to write; its trace is written beside it [default: the name of LOG with .toml]
    #[arg(long, value_name = "FILE", env = "TENFOLD_RECORD_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, env = "TENFOLD_FORCE", value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
    /// Print the result as a single JSON document on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

impl RecordArguments {
    /// Returns the arguments that record a log as a trace, with the defaults of all other flags.
    pub(crate) fn of_log(log: &Path, out: &Path, force: bool, json: bool) -> Self {
        Self {
            logs: vec![log.to_owned()],
            input: InputArguments {
                format: None,
                host: None,
            },
            scenario: ScenarioArguments {
                model: false,
                journey: false,
                speed: 1.0,
            },
            output: RecordOutputArguments {
                out: Some(out.to_owned()),
                force,
                json,
            },
        }
    }
}
