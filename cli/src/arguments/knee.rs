//! Flags of `tenfold knee`.

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::knee::Goal;

use super::groups::search::SearchArguments;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the knee was found; 99 no rate was sustained; 104 bad configuration; 105 interrupted; \
    107 the target could not be reached, or a component failed; 121 the knee is known only in part: the time was \
    over, the generator was the limit, or every rate up to --max was sustained"
)]
pub(crate) struct KneeArguments {
    /// Answer within 90 s, 10% wide, instead of within five minutes, 5% wide
    #[arg(long, help_heading = "Search", env = "TENFOLD_QUICK", value_parser = BoolishValueParser::new())]
    quick: bool,
    #[command(flatten)]
    pub(crate) search: SearchArguments,
}

impl KneeArguments {
    /// Returns what the search is to reach.
    pub(crate) fn goal(&self) -> Goal {
        let goal = match self.quick {
            true => Goal::quick(),
            false => Goal::thorough(),
        };
        Goal {
            budget: self.search.budget.unwrap_or(goal.budget),
            ..goal
        }
    }
}
