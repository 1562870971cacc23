//! Load to send: changes to a scenario.

use clap::Args;
use tenfold_scenarios::{Overrides, Rate};

use crate::arguments::values::rate;

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArguments {
    /// Mean rate over the counted phases, such as 500/s; in a gate, of both builds together; in a search, the rate of the first
    /// trial [default: the scenario's]
    #[arg(long, value_name = "RATE", value_parser = rate, env = "TENFOLD_RATE")]
    rate: Option<Rate>,
    /// Highest number of virtual users [default: the scenario's]
    #[arg(short, long, value_name = "USERS", visible_alias = "vus", env = "TENFOLD_USERS",
        value_parser = clap::value_parser!(u32).range(1..))]
    users: Option<u32>,
    /// Seed of all randomness [default: the scenario's]
    #[arg(long, value_name = "N", env = "TENFOLD_SEED")]
    seed: Option<u64>,
}

impl LoadArguments {
    /// Replaces the mean rate. `None` for the scenario's.
    pub(crate) fn set_rate(&mut self, rate: Option<Rate>) {
        self.rate = rate;
    }

    /// Returns what the flags change in the scenario.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            rate: self.rate,
            users: self.users,
            seed: self.seed,
            duration: None,
        }
    }
}
