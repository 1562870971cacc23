//! Flags of `tenfold ladder`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::plan::PerMonth;
use tenfold_scenarios::Rate;

use super::groups::connections::ConnectionArguments;
use super::groups::data_set::DataSetArguments;
use super::values::{box_size, duration, rate};

/// Parses requests of a user.
fn requests(text: &str) -> Result<PerMonth, String> {
    match text.parse::<PerMonth>() {
        Ok(requests) if requests.0 > 0.0 => Ok(requests),
        Ok(_) => Err("it must be more than 0".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "A steps file has version = 1 and [[steps]], each with name, start (a command with {port}) and, if wanted, \
    change, directory, ready, ready_within, copies and price_month.\n\
    Exit codes: 0 every step was taken; 99 no step sustained any rate; 104 bad configuration; 105 interrupted; 107 a step \
    could not be started, or a component failed; 121 the budget ended before the last step"
)]
pub(crate) struct LadderArguments {
    /// Scenario file, or a scenario of the library; its mix is sent at constant rates
    #[arg(default_value = "uneven", env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: String,
    /// Stages to climb, in order [default: all that are built]
    #[arg(
        long,
        help_heading = "Steps",
        value_name = "NAME",
        value_delimiter = ',',
        env = "TENFOLD_STAGES",
        conflicts_with = "steps"
    )]
    pub(crate) stages: Vec<String>,
    /// Sizes of a box, in CPUs: that of the boxes of every step, then those of a single box that grows
    /// [default: 0.2,0.4,0.8; with --quick 0.2]
    #[arg(long, help_heading = "Steps", value_name = "CPU", value_delimiter = ',', value_parser = box_size,
        env = "TENFOLD_BOXES")]
    pub(crate) boxes: Vec<f64>,
    /// File with variants of any service, and the commands that start them
    #[arg(
        long,
        help_heading = "Steps",
        value_name = "FILE",
        env = "TENFOLD_STEPS", conflicts_with_all = ["boxes", "no_outages"]
    )]
    pub(crate) steps: Option<PathBuf>,
    /// Kill no box and no zone
    #[arg(long, help_heading = "Steps", env = "TENFOLD_NO_OUTAGES", value_parser = BoolishValueParser::new())]
    pub(crate) no_outages: bool,
    /// One step a stage with short trials, in six minutes for four stages
    #[arg(long, help_heading = "Search", env = "TENFOLD_QUICK", value_parser = BoolishValueParser::new())]
    pub(crate) quick: bool,
    /// Objective that a sustained rate meets, such as 'p99 < 50ms' [default: the scenario's]. Repeatable
    #[arg(
        long = "rules",
        help_heading = "Search",
        value_name = "RULE",
        env = "TENFOLD_RULES",
        value_delimiter = ';'
    )]
    pub(crate) rules: Vec<String>,
    /// Time after which no further step begins
    #[arg(long, help_heading = "Search", value_name = "TIME", default_value = "30m", value_parser = duration,
        env = "TENFOLD_BUDGET")]
    pub(crate) budget: Duration,
    /// Highest rate to try [default: 1M/s]
    #[arg(long, help_heading = "Search", value_name = "RATE", value_parser = rate, env = "TENFOLD_MAX")]
    pub(crate) max: Option<Rate>,
    /// Requests of a user, such as 10100/month: adds the number of users [default: 10100/month for the reference
    /// service, those of ten million users with 100 billion reads and 1 billion writes]
    #[arg(
        long,
        help_heading = "Costs",
        value_name = "N/TIME",
        env = "TENFOLD_REQUESTS_PER_USER",
        value_parser = requests
    )]
    pub(crate) requests_per_user: Option<PerMonth>,
    /// File with prices of boxes, as scenarios/prices.toml [default: the prices in there]
    #[arg(
        long,
        help_heading = "Costs",
        value_name = "FILE",
        env = "TENFOLD_PRICES"
    )]
    pub(crate) prices: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_set: DataSetArguments,
    #[command(flatten)]
    pub(crate) connections: ConnectionArguments,
    /// Print the result as a single JSON document on standard output
    #[arg(long, help_heading = "Output", env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Directory to write, with a directory for each step; one of an unfinished ladder goes on
    /// [default: runs/TIME-ladder-SCENARIO]
    #[arg(long, help_heading = "Output", value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
}

impl LadderArguments {
    /// Returns the sizes of a box, in CPUs.
    pub(crate) fn sizes(&self) -> &[f64] {
        match (self.boxes.as_slice(), self.quick) {
            ([], true) => &[0.2],
            ([], false) => &[0.2, 0.4, 0.8],
            (sizes, _) => sizes,
        }
    }
}
