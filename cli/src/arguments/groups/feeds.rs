//! Feeds of the reference service.

use std::time::Duration;

use clap::Args;
use tenfold_server::{Config, FeedMode};

use crate::arguments::values::duration_or_none;

#[derive(Debug, Args)]
#[command(next_help_heading = "Feeds")]
pub(crate) struct FeedArguments {
    /// How feeds are read: read (from posts and follows), write (written by workers when somebody posts; needs
    /// --queue) or hybrid (written, except for the posts of authors with very many followers)
    #[arg(
        long,
        value_name = "MODE",
        default_value = "read",
        env = "TENFOLD_FEEDS"
    )]
    feeds: FeedMode,
    /// Followers above which the posts of an author are not written to feeds, with --feeds hybrid
    #[arg(
        long,
        value_name = "N",
        default_value = "10000",
        env = "TENFOLD_FEED_FOLLOWERS_MAX"
    )]
    feed_followers_max: u64,
    /// Time from one check of all written feeds and counters to the next, by workers; none for no checks
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration_or_none,
        env = "TENFOLD_REPAIR_EVERY")]
    repair_every: Period,
}

/// Period of a job. `None` if it is not repeated.
pub(crate) type Period = Option<Duration>;

impl FeedArguments {
    /// Applies the flags to a configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.feeds.mode = self.feeds;
        config.feeds.followers_max = self.feed_followers_max;
        config.feeds.repair_every = self.repair_every;
    }
}
