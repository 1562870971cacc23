//! Flags of `tenfold knee`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::knee::Goal;
use tenfold_scenarios::Rate;

use super::groups::load::LoadArguments;
use super::groups::service::ServiceArguments;
use super::values::{duration, rate};

/// Highest rate that is tried unless `--max` says otherwise, per second.
const RATE_MAX: f64 = 1e6;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the knee was found; 99 no rate was sustained; 104 bad configuration; 105 interrupted; \
    107 the target could not be reached, or a component failed; 121 the knee is known only in part: the time was \
    over, the generator was the limit, or every rate up to --max was sustained"
)]
pub(crate) struct KneeArguments {
    /// Scenario file, or a scenario of the library: uneven, steady, spike, flash-crowd, write-heavy,
    /// ten-million-users, journey or live-feed
    #[arg(default_value = "uneven", env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: String,
    /// Objective that a sustained rate meets, such as 'p99 < 50ms' [default: the scenario's]. Repeatable
    #[arg(
        long = "rules",
        help_heading = "Search",
        value_name = "RULE",
        env = "TENFOLD_RULES",
        value_delimiter = ';'
    )]
    pub(crate) rules: Vec<String>,
    /// Answer within 90 s, 10% wide, instead of within five minutes, 5% wide
    #[arg(long, help_heading = "Search", env = "TENFOLD_QUICK", value_parser = BoolishValueParser::new())]
    quick: bool,
    /// Time after which no further trial begins [default: 270s, or 80s with --quick]
    #[arg(long, help_heading = "Search", value_name = "TIME", value_parser = duration, env = "TENFOLD_BUDGET")]
    budget: Option<Duration>,
    /// Highest rate to try [default: 1M/s]
    #[arg(long, help_heading = "Search", value_name = "RATE", value_parser = rate, env = "TENFOLD_MAX")]
    max: Option<Rate>,
    /// The mean rate is that of the first trial
    #[command(flatten)]
    pub(crate) load: LoadArguments,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print the answer as a single JSON document on standard output
    #[arg(long, help_heading = "Output", env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Directory to write, with a run directory for each trial [default: runs/TIME-knee-SCENARIO]
    #[arg(long, help_heading = "Output", value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
}

impl KneeArguments {
    /// Returns what the search is to reach.
    pub(crate) fn goal(&self) -> Goal {
        let goal = match self.quick {
            true => Goal::quick(),
            false => Goal::thorough(),
        };
        Goal {
            budget: self.budget.unwrap_or(goal.budget),
            ..goal
        }
    }

    /// Returns the highest rate to try, per second.
    pub(crate) fn rate_max(&self) -> f64 {
        self.max.map_or(RATE_MAX, Rate::per_second)
    }

    /// Returns the command that repeats the search, without the flags that change the scenario.
    pub(crate) fn command(&self) -> Vec<String> {
        let mut command = ["tenfold", "knee", &self.scenario]
            .map(str::to_owned)
            .to_vec();
        for rule in &self.rules {
            command.extend(["--rules".to_owned(), rule.clone()]);
        }
        command.extend(self.service.written());
        command
    }
}
