//! Data set that the reference service is loaded with.

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Data set")]
pub(crate) struct DataSetArguments {
    /// Users in the data set
    #[arg(long = "data-users", value_name = "N", default_value_t = 10_000, env = "TENFOLD_DATA_USERS",
        value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) users: u64,
    /// Posts in the data set
    #[arg(long = "data-posts", value_name = "N", default_value_t = 100_000, env = "TENFOLD_DATA_POSTS",
        value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) posts: u64,
    /// Seed of the data set
    #[arg(
        long = "data-seed",
        value_name = "N",
        default_value_t = 1,
        env = "TENFOLD_DATA_SEED"
    )]
    pub(crate) seed: u64,
}
