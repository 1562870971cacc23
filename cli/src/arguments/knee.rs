//! Flags of `tenfold knee`.

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::knee::Goal;

use super::groups::builds::BuildArguments;
use super::groups::search::SearchArguments;
use super::values::share;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the knee was found; 99 no rate was sustained; 104 bad configuration; 105 interrupted; \
    107 the target could not be reached, or a component failed; 121 the knee is known only in part: the time was \
    over, the generator was the limit, or every rate up to --max was sustained. With two builds: 0 the candidate does \
    not sustain less; 99 it sustains less; 121 neither is certain"
)]
pub(crate) struct KneeArguments {
    /// Answer within 90 s, 10% wide, instead of within five minutes, 5% wide
    #[arg(long, help_heading = "Search", env = "TENFOLD_QUICK", value_parser = BoolishValueParser::new())]
    quick: bool,
    #[command(flatten)]
    pub(crate) search: SearchArguments,
    #[command(flatten)]
    pub(crate) builds: BuildArguments,
    /// With two builds: smallest loss of capacity that has to be found
    #[arg(long, help_heading = "Builds", value_name = "PERCENT", default_value = "10%", value_parser = share,
        env = "TENFOLD_MIN_EFFECT")]
    pub(crate) min_effect: f64,
    /// With two builds: report the verdict, but exit with 0 instead of 99 or 121
    #[arg(long, help_heading = "Builds", env = "TENFOLD_ADVISORY", value_parser = BoolishValueParser::new())]
    pub(crate) advisory: bool,
}

impl KneeArguments {
    /// Returns what the search is to reach.
    pub(crate) fn goal(&self) -> Goal {
        let goal = match self.quick {
            true => Goal::quick(),
            false => Goal::thorough(),
        };
        match self.search.budget {
            Some(budget) => Goal {
                budget,
                within: budget + (goal.within - goal.budget),
                ..goal
            },
            None => goal,
        }
    }
}
