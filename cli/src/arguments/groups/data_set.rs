//! Data set that the reference service is loaded with.

use clap::Args;
use tenfold_lab::DataSetOptions;
use tenfold_server::data_set::DataSet;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data set")]
pub(crate) struct DataSetArguments {
    /// Users in the data set
    #[arg(long = "data-users", id = "data_users", value_name = "N", default_value_t = DataSet::default().users, env = "TENFOLD_DATA_USERS",
        value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) users: u64,
    /// Posts in the data set
    #[arg(long = "data-posts", id = "data_posts", value_name = "N", default_value_t = DataSet::default().posts, env = "TENFOLD_DATA_POSTS",
        value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) posts: u64,
    /// Seed of the data set
    #[arg(
        long = "data-seed",
        id = "data_seed",
        value_name = "N",
        default_value_t = DataSet::default().seed,
        env = "TENFOLD_DATA_SEED"
    )]
    pub(crate) seed: u64,
}

/// Names of the flags.
pub(crate) const DATA_SET_FLAGS: [&str; 3] = ["data_users", "data_posts", "data_seed"];

impl DataSetArguments {
    /// Returns the data set that the boxes of a lab load.
    pub(crate) fn options(&self) -> DataSetOptions {
        DataSetOptions {
            seed: self.seed,
            users: self.users,
            posts: self.posts,
        }
    }

    /// Returns the flags that differ from the default, for a command that repeats the run.
    pub(crate) fn written(&self) -> Vec<(&'static str, String)> {
        let default = DataSet::default();
        [
            ("--data-users", self.users, default.users),
            ("--data-posts", self.posts, default.posts),
            ("--data-seed", self.seed, default.seed),
        ]
        .into_iter()
        .filter(|(_, value, default)| value != default)
        .map(|(name, value, _)| (name, value.to_string()))
        .collect()
    }
}
