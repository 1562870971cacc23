//! Job queue: a trait with backends for memory and NATS JetStream.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::model::Timestamp;

#[cfg(test)]
pub(crate) mod contract;
mod counters;
#[cfg(feature = "nats")]
mod guarded;
mod intake;
mod job_id;
mod jobs;
mod memory;
#[cfg(feature = "nats")]
mod nats;
mod options;
mod resolver;

pub(crate) use counters::{JobCounters, JobEvent};
pub(crate) use intake::Intake;
pub use job_id::JobId;
pub(crate) use jobs::Jobs;
pub use memory::MemoryQueue;
pub use options::QueueOptions;
pub use resolver::resolve;

/// Bounded queue of jobs, each delivered at least once.
///
/// A pulled job is leased: nobody else gets it for the visibility timeout of [`QueueOptions`]. It leaves the
/// queue once it is completed or buried. A job whose lease ends is delivered again, so consumers must be
/// idempotent. After an error, a call may or may not have taken effect.
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug + 'static {
    /// Appends a job. It is as durable as the backend when the call returns. A job that is pushed again
    /// within two minutes, while it is in the queue, is appended once. An identifier must not be used for
    /// another job. `Full` if the queue has its maximum number of jobs.
    async fn push(&self, id: &JobId, payload: Bytes) -> Result<(), QueueError>;

    /// Leases the next job. `None` if there is none within `wait`.
    async fn pull(&self, wait: Duration) -> Result<Option<Delivery>, QueueError>;

    /// Extends the lease of a job by the visibility timeout.
    async fn extend(&self, delivery: &Delivery) -> Result<(), QueueError>;

    /// Removes a finished job.
    async fn complete(&self, delivery: &Delivery) -> Result<(), QueueError>;

    /// Returns a job to the queue, to be delivered again after a pause.
    async fn retry(&self, delivery: &Delivery, pause: Duration) -> Result<(), QueueError>;

    /// Moves a job to the dead letters. `Full` if there are too many; the job then stays in the queue.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError>;

    /// Returns dead letters, oldest first, at most `limit`.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError>;

    /// Moves a dead letter back to the queue, where it has all its attempts again. `NotFound` if no dead letter
    /// has this identifier, `Full` if the queue has no room.
    async fn revive(&self, id: &JobId) -> Result<(), QueueError>;

    /// Counts the jobs.
    async fn stats(&self) -> Result<QueueStats, QueueError>;
}

/// Leased job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Identifier of the job.
    pub id: JobId,
    /// Content of the job.
    pub payload: Bytes,
    /// Number of this attempt, from 1.
    pub attempt: u64,
    /// Reference of the backend to this delivery.
    receipt: String,
}

/// Job that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Identifier of the job.
    pub id: JobId,
    /// Content of the job.
    pub payload: Bytes,
    /// Number of attempts that were made.
    pub attempts: u64,
    /// Reason of the last failure.
    pub reason: String,
    /// Time of the burial.
    pub buried_at: Timestamp,
}

/// Numbers of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct QueueStats {
    /// Jobs in the queue, including those being worked on.
    pub jobs: u64,
    /// Jobs that are leased, or that pause before their next attempt.
    pub leased: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Failure of a queue call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The URL, or a file that it names, is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The queue, or the store of dead letters, has its maximum number of jobs.
    #[error("the queue is full")]
    Full,
    /// No dead letter has this identifier.
    #[error("no such dead letter")]
    NotFound,
    /// The queue did not respond in time.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// The call was not made, since the queue is overloaded or did not respond.
    #[error("the queue is unavailable: {0}")]
    Refused(&'static str),
    /// The queue rejected the call.
    #[error("the queue rejected the call: {0}")]
    Rejected(String),
}
