//! The flags of `tenfold gate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_reports::gate::formats::GateExport;
use tenfold_scenarios::Rate;

use crate::connect_arguments::ConnectArguments;
use crate::values::{duration, gate_export, positive, rate, share, whole_seconds};

/// Where a history is kept where no file is named.
pub(crate) const HISTORY: &str = ".tenfold/gate/history.jsonl";

/// Compare two builds of a service, interleaved: pass, fail or inconclusive.
///
/// Both are up at once and started anew every few rounds; every request goes to one of them and its twin
/// to the other, in random order. A build is a command with {port} in it, a git revision, a directory
/// with sources, or the URL of a service that is up.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 pass or calibrated; 99 the candidate is slower, answers otherwise or leaks; \
    104 bad configuration or too short a budget; 105 interrupted; 107 a build did not start or died; 120 nothing was measured; \
    121 inconclusive or too noisy, also to calibrate. --advisory turns 99 and 121 into 0"
)]
pub(crate) struct GateArguments {
    /// A scenario file, or the name of one of the library [default: uneven]; without --candidate or
    /// --calibrate, --history is shown and nothing is sent
    #[arg(env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: Option<String>,
    /// The build that is known: a command with {port}, a git revision, a directory or a URL
    #[arg(long, value_name = "BUILD", env = "TENFOLD_BASELINE")]
    pub(crate) baseline: Option<String>,
    /// The build that is judged, likewise
    #[arg(
        long,
        value_name = "BUILD",
        env = "TENFOLD_CANDIDATE",
        conflicts_with = "calibrate"
    )]
    pub(crate) candidate: Option<String>,
    /// The command that builds a revision or a directory, run in it
    #[arg(long, value_name = "CMD", env = "TENFOLD_BUILD")]
    pub(crate) build: Option<String>,
    /// How long a build may take to be made
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration,
        env = "TENFOLD_BUILD_WITHIN")]
    pub(crate) build_within: Duration,
    /// The command that starts a revision or a directory, run in it: {port} in it becomes a free port,
    /// {admin_port} one for /metrics and /debug/pprof, {slot} `a` or `b`, in turns
    #[arg(long, value_name = "CMD", env = "TENFOLD_START")]
    pub(crate) start: Option<String>,
    /// The path that is asked for until a build answers it by anything but a 5xx
    #[arg(long, value_name = "PATH", default_value = "/", env = "TENFOLD_READY")]
    pub(crate) ready: String,
    /// How long a build may take to be ready
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration,
        env = "TENFOLD_READY_WITHIN")]
    pub(crate) ready_within: Duration,
    /// Where a baseline that is a URL has /metrics and /debug/pprof
    #[arg(long, value_name = "URL", env = "TENFOLD_BASELINE_ADMIN")]
    pub(crate) baseline_admin: Option<String>,
    /// Where a candidate that is a URL has /metrics and /debug/pprof
    #[arg(long, value_name = "URL", env = "TENFOLD_CANDIDATE_ADMIN")]
    pub(crate) candidate_admin: Option<String>,
    /// The slowdown that the gate is for
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = share,
        env = "TENFOLD_MIN_EFFECT")]
    pub(crate) min_effect: f64,
    /// A metric passes when its upper bound is below this [default: --min-effect]
    #[arg(long, value_name = "PERCENT", value_parser = share, env = "TENFOLD_TOLERANCE")]
    pub(crate) tolerance: Option<f64>,
    /// A metric fails when it is surely slower and its estimate is above this [default: half of
    /// --min-effect, so that --min-effect itself is found]
    #[arg(long, value_name = "PERCENT", value_parser = share, env = "TENFOLD_FAIL_ABOVE")]
    pub(crate) fail_above: Option<f64>,
    /// The probability of failing an unchanged build, at most
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share,
        env = "TENFOLD_ALPHA")]
    pub(crate) alpha: f64,
    /// The time for all rounds and restarts; building and profiling come on top
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration,
        env = "TENFOLD_BUDGET")]
    pub(crate) budget: Duration,
    /// The length of a round, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = whole_seconds,
        env = "TENFOLD_ROUND")]
    pub(crate) round: Duration,
    /// Rounds from one restart to the next
    #[arg(long, value_name = "N", default_value_t = 4, env = "TENFOLD_ROUNDS_PER_RESTART",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds_per_restart: u16,
    /// What is sent after a restart before the first round, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = whole_seconds,
        env = "TENFOLD_WARM_UP")]
    pub(crate) warm_up: Duration,
    /// How much faster than the other's a build's memory may grow, in MiB a minute
    #[arg(
        long,
        value_name = "MIB",
        default_value = "8",
        value_parser = positive,
        env = "TENFOLD_LEAK_LIMIT"
    )]
    pub(crate) leak_limit: f64,
    /// The mean rate, of both builds together [default: the scenario's]
    #[arg(long, value_name = "RATE", value_parser = rate, env = "TENFOLD_RATE")]
    pub(crate) rate: Option<Rate>,
    /// The most virtual users there may be
    #[arg(short, long, value_name = "USERS", visible_alias = "vus", env = "TENFOLD_USERS",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: Option<u32>,
    /// The seed of everything that is random
    #[arg(long, value_name = "N", env = "TENFOLD_SEED")]
    pub(crate) seed: Option<u64>,
    /// Set the baseline beside itself for the whole budget, to learn what this machine can tell; later
    /// gates use what was learnt
    #[arg(long, env = "TENFOLD_CALIBRATE", value_parser = BoolishValueParser::new())]
    pub(crate) calibrate: bool,
    /// Where a calibration is kept
    #[arg(
        long,
        value_name = "FILE",
        default_value = ".tenfold/gate/calibration.json",
        env = "TENFOLD_CALIBRATION"
    )]
    pub(crate) calibration: PathBuf,
    /// Append the outcome to this file, a line each; alone, show its trends and their change points
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = HISTORY,
        env = "TENFOLD_HISTORY")]
    pub(crate) history: Option<PathBuf>,
    /// Say what came out, but exit with 0 where it is no pass
    #[arg(long, env = "TENFOLD_ADVISORY", value_parser = BoolishValueParser::new())]
    pub(crate) advisory: bool,
    /// The directory to write [default: gates/TIME-SCENARIO]
    #[arg(long, value_name = "DIR", env = "TENFOLD_GATE_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Also write the outcome as KIND=FILE, or as KIND alone under its usual name in the directory.
    /// Repeatable; kinds: html, json, junit, markdown, github, text
    #[arg(long, value_name = "KIND[=FILE]", value_parser = gate_export, value_delimiter = ',',
        env = "TENFOLD_GATE_EXPORT")]
    pub(crate) export: Vec<GateExport>,
    /// A link to the report for a pull request's summary to show
    #[arg(long, value_name = "URL", env = "TENFOLD_REPORT_URL")]
    pub(crate) report_url: Option<String>,
    /// Print the outcome as one JSON document, and nothing else, on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// A host beyond this machine and private networks that you may send load to, as the URL has it;
    /// asked once, and kept in your configuration
    #[arg(
        long,
        value_name = "HOST",
        env = "TENFOLD_I_MAY_TEST_THIS_HOST",
        value_delimiter = ','
    )]
    pub(crate) i_may_test_this_host: Vec<String>,
    #[command(flatten)]
    pub(crate) connecting: ConnectArguments,
}
