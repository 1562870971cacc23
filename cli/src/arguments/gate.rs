//! Flags of `tenfold gate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_reports::gate::formats::GateExport;

use super::groups::builds::BuildArguments;
use super::groups::connections::ConnectionArguments;
use super::groups::host_permission::HostPermissionArguments;
use super::groups::load::LoadArguments;
use super::values::{duration, gate_export, positive, share, whole_seconds};

/// Default file of a history.
pub(crate) const HISTORY: &str = ".tenfold/gate/history.jsonl";

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 pass, or calibrated; 99 the candidate is slower, gives different responses or \
    leaks memory; 104 bad configuration, or too short a budget; 105 interrupted; 107 a build did not start, \
    or died; 120 nothing was measured; 121 inconclusive, or the machine is too noisy. \
    --advisory turns 99 and 121 into 0"
)]
pub(crate) struct GateArguments {
    /// Scenario file, or a scenario of the library [default: uneven]. Without --candidate and --calibrate,
    /// --history is shown and nothing is sent
    #[arg(env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: Option<String>,
    #[command(flatten)]
    pub(crate) builds: BuildArguments,
    #[command(flatten)]
    pub(crate) decision: DecisionArguments,
    #[command(flatten)]
    pub(crate) rounds: RoundArguments,
    #[command(flatten)]
    pub(crate) calibration: CalibrationArguments,
    #[command(flatten)]
    pub(crate) load: LoadArguments,
    #[command(flatten)]
    pub(crate) permission: HostPermissionArguments,
    #[command(flatten)]
    pub(crate) connections: ConnectionArguments,
    #[command(flatten)]
    pub(crate) output: GateOutputArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Decision")]
pub(crate) struct DecisionArguments {
    /// Smallest slowdown that the gate has to find
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = share,
        env = "TENFOLD_MIN_EFFECT")]
    pub(crate) min_effect: f64,
    /// A metric passes if its upper bound is below this [default: --min-effect]
    #[arg(long, value_name = "PERCENT", value_parser = share, env = "TENFOLD_TOLERANCE")]
    pub(crate) tolerance: Option<f64>,
    /// A metric fails if its slowdown is significant and its estimate is above this [default: half of
    /// --min-effect, so that a slowdown of --min-effect is found]
    #[arg(long, value_name = "PERCENT", value_parser = share, env = "TENFOLD_FAIL_ABOVE")]
    pub(crate) fail_above: Option<f64>,
    /// Highest probability of failing an unchanged build
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share,
        env = "TENFOLD_ALPHA")]
    pub(crate) alpha: f64,
    /// Largest growth of a build's memory beyond that of the other, in MiB per minute
    #[arg(
        long,
        value_name = "MIB",
        default_value = "8",
        value_parser = positive,
        env = "TENFOLD_LEAK_LIMIT"
    )]
    pub(crate) leak_limit: f64,
    /// Report the verdict, but exit with 0 instead of 99 or 121
    #[arg(long, env = "TENFOLD_ADVISORY", value_parser = BoolishValueParser::new())]
    pub(crate) advisory: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rounds")]
pub(crate) struct RoundArguments {
    /// Time for all rounds and restarts, without building and profiling
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration,
        env = "TENFOLD_BUDGET")]
    pub(crate) budget: Duration,
    /// Length of a round, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = whole_seconds,
        env = "TENFOLD_ROUND")]
    pub(crate) round: Duration,
    /// Number of rounds between restarts
    #[arg(long, value_name = "N", default_value_t = 4, env = "TENFOLD_ROUNDS_PER_RESTART",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds_per_restart: u16,
    /// Length of the warm-up after a restart, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = whole_seconds,
        env = "TENFOLD_WARM_UP")]
    pub(crate) warm_up: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Calibration")]
pub(crate) struct CalibrationArguments {
    /// Compare the baseline with itself for the whole budget, to measure this machine's sensitivity; later
    /// gates use the result
    #[arg(long, env = "TENFOLD_CALIBRATE", value_parser = BoolishValueParser::new(), conflicts_with = "candidate")]
    pub(crate) calibrate: bool,
    /// File of the calibration
    #[arg(
        long = "calibration",
        id = "calibration_file",
        value_name = "FILE",
        default_value = ".tenfold/gate/calibration.json",
        env = "TENFOLD_CALIBRATION"
    )]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct GateOutputArguments {
    /// Directory to write [default: gates/TIME-SCENARIO]
    #[arg(long, value_name = "DIR", env = "TENFOLD_GATE_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Print the outcome as a single JSON document on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Write the outcome as KIND to FILE, or to KIND's usual file in the directory. Kinds: html, json,
    /// junit, markdown, github, text. Repeatable
    #[arg(long, value_name = "KIND[=FILE]", value_parser = gate_export, value_delimiter = ',',
        env = "TENFOLD_GATE_EXPORT")]
    pub(crate) export: Vec<GateExport>,
    /// Append the outcome to this file as one line. On its own, show the trends and change points in it
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = HISTORY,
        env = "TENFOLD_HISTORY")]
    pub(crate) history: Option<PathBuf>,
    /// URL of the report, for the summary of a pull request to link to
    #[arg(long, value_name = "URL", env = "TENFOLD_REPORT_URL")]
    pub(crate) report_url: Option<String>,
}
