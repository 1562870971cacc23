//! The data set of the reference service, as the command line says it.

use clap::Args;

/// The data set that the service has before the first request.
#[derive(Debug, Args)]
pub(crate) struct DataSetArguments {
    /// Users in the data set
    #[arg(long, value_name = "N", default_value_t = 10_000, env = "TENFOLD_DATA_USERS",
        value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) data_users: u64,
    /// Posts in the data set
    #[arg(long, value_name = "N", default_value_t = 100_000, env = "TENFOLD_DATA_POSTS",
        value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) data_posts: u64,
    /// Seed of the data set
    #[arg(long, value_name = "N", default_value_t = 1, env = "TENFOLD_DATA_SEED")]
    pub(crate) data_seed: u64,
}
