//! Flags of `tenfold profile`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::knee::Goal;

use super::groups::search::SearchArguments;
use super::values::duration;

/// Time of the search if the bottleneck is to be confirmed: all of it takes three minutes at most.
const BUDGET_WITH_CONFIRM: Duration = Duration::from_secs(55);

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 a bottleneck was named; 99 no rate was sustained; 104 bad configuration; 105 interrupted; \
    107 the target could not be reached, or a component failed; 121 no bottleneck of the service was named: its cause is \
    unknown, it was the generator or another process, --confirm refuted it, or no rate was too high within --max and --budget"
)]
pub(crate) struct ProfileArguments {
    /// Second run directory: compares the profiles of both runs, and sends nothing
    // First, so that it stands beside the scenario in the help.
    #[arg(index = 2)]
    pub(crate) other: Option<PathBuf>,
    /// Counted time of each of the three runs after the search
    #[arg(short, long, help_heading = "Search", value_name = "TIME", value_parser = duration, default_value = "12s",
        env = "TENFOLD_DURATION")]
    pub(crate) duration: Duration,
    /// Then slow each component of the service in turn, to confirm or refute the bottleneck. It needs the reference service, boxes with
    /// limits (--box), or a service with /debug/delay at --admin. The search takes at most 55 s unless --budget is given
    #[arg(long, help_heading = "Search", env = "TENFOLD_CONFIRM", value_parser = BoolishValueParser::new())]
    pub(crate) confirm: bool,
    #[command(flatten)]
    pub(crate) search: SearchArguments,
}

impl ProfileArguments {
    /// Returns what the search before the experiments is to reach.
    pub(crate) fn goal(&self) -> Goal {
        let goal = Goal::quick();
        let budget = match self.confirm {
            true => BUDGET_WITH_CONFIRM,
            false => goal.budget,
        };
        Goal {
            budget: self.search.budget.unwrap_or(budget),
            ..goal
        }
    }
}
