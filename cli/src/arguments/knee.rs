//! Flags of `tenfold knee`.

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::knee::Goal;

use super::groups::builds::BuildArguments;
use super::groups::search::SearchArguments;
use super::values::share;

/// Flags of the comparison of two builds, beside those that name them.
const OF_BUILDS: [&str; 9] = [
    "build",
    "build-within",
    "start",
    "ready",
    "ready-within",
    "baseline-admin",
    "candidate-admin",
    "min-effect",
    "advisory",
];

/// Flags of a search that two builds have no use for.
const OF_A_SERVICE: [&str; 11] = [
    "admin",
    "pid",
    "no-profile",
    "box",
    "count",
    "policy",
    "tuned",
    "store",
    "data-users",
    "data-posts",
    "data-seed",
];

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
    /// Returns the command that repeats the comparison of two builds.
    pub(crate) fn command(&self) -> Vec<String> {
        let mut command = self.search.command("knee");
        command.extend(self.builds.written());
        command
    }

    /// Returns a message if a flag of the command line does not fit the others: builds are compared, or a service is searched.
    pub(crate) fn conflict(&self, given: &[String]) -> Option<String> {
        let builds = self.builds.baseline.is_some() || self.builds.candidate.is_some();
        let (unfit, reason) = match builds {
            true => (
                &OF_A_SERVICE[..],
                "is for a search of one service, but --baseline and --candidate name builds; leave it out",
            ),
            false => (
                &OF_BUILDS[..],
                "is for the comparison of two builds; give --baseline and --candidate as well, or leave it out",
            ),
        };
        let flag = given.iter().find(|flag| unfit.contains(&flag.as_str()))?;
        Some(format!("--{flag} {reason}"))
    }

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
