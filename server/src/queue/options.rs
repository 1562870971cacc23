//! Options of a queue.

use std::time::Duration;

/// Options of a queue. All processes that use a queue must have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// Maximum number of jobs, including those being worked on. `None` for a queue without bound, which is
    /// for experiments: under overload it grows until its disk is full.
    pub jobs_max: Option<u32>,
    /// Maximum number of dead letters.
    pub dead_max: u32,
    /// Time after which a job that was neither completed nor extended is delivered again.
    pub visibility: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            jobs_max: Some(1_000),
            dead_max: 10_000,
            visibility: Duration::from_secs(30),
        }
    }
}
