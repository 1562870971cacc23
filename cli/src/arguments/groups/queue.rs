//! Queue and workers of the reference service.

use std::time::Duration;

use clap::Args;
use tenfold_server::{Config, Role};

use crate::arguments::values::{count_or_none, nonzero_duration};

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue and workers")]
pub(crate) struct QueueArguments {
    /// Queue of photos whose thumbnails workers make: nats://user:password@host:port/NAME, or
    /// tls://...?ca=FILE for TLS; memory: for a single process, which loses it in a crash [default: none]
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_QUEUE",
        hide_env_values = true
    )]
    queue: Option<String>,
    /// Part of the service to run: all, web (requests alone), worker (jobs of the queue alone), or one of users, posts, photos and
    /// feeds, which serves its own paths and calls the others
    #[arg(long, value_name = "ROLE", default_value = "all", env = "TENFOLD_ROLE")]
    role: Role,
    /// Jobs after which the queue is full, and uploads are answered with 503; none for a queue without
    /// bound, to see what that does
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count_or_none,
        env = "TENFOLD_QUEUE_JOBS_MAX")]
    queue_jobs_max: Bound,
    /// Time after which a job whose worker is silent goes to another one
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = nonzero_duration,
        env = "TENFOLD_QUEUE_VISIBILITY")]
    queue_visibility: Duration,
    /// Jobs that a worker works on at once
    #[arg(long, value_name = "N", default_value = "2", env = "TENFOLD_WORKER_JOBS",
        value_parser = clap::value_parser!(u16).range(1..=256))]
    worker_jobs: u16,
    /// Attempts after which a job becomes a dead letter
    #[arg(long, value_name = "N", default_value = "10", env = "TENFOLD_WORKER_ATTEMPTS",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    worker_attempts: u32,
}

/// Bound of a queue. `None` if it has none.
pub(crate) type Bound = Option<u32>;

impl QueueArguments {
    /// Applies the flags to a configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.queue_url.clone_from(&self.queue);
        config.role = self.role;
        config.queue.jobs_max = self.queue_jobs_max;
        config.queue.visibility = self.queue_visibility;
        config.worker.concurrency = usize::from(self.worker_jobs);
        config.worker.attempts_max = self.worker_attempts;
    }
}
