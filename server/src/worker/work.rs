//! What a worker does with the jobs of a queue.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::files::FilesError;
use crate::queue::{Delivery, QueueError};
use crate::store::StoreError;

/// What a worker does with the jobs of a queue.
#[async_trait]
pub(crate) trait Work: Send + Sync + fmt::Debug + 'static {
    /// Applies the effect of a job. It may be called any number of times, and by several workers at once.
    async fn work(&self, job: &Delivery) -> Result<Worked, Unworked>;
}

/// Outcome of work that need not be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worked {
    /// The effect was applied.
    Applied,
    /// The effect had been applied before, or must not be.
    Unneeded,
    /// The content can't be processed, and whoever sent it can learn so.
    Unprocessable,
}

/// Reason why a job has no effect.
#[derive(Debug)]
pub(crate) enum Unworked {
    /// It is no job that this work knows, for this reason.
    Foreign(String),
    /// It may succeed later.
    TryAgain(TryAgain),
}

/// Reason to try again.
#[derive(Debug)]
pub(crate) struct TryAgain(String);

impl TryAgain {
    /// An internal failure.
    pub(super) fn because(error: &dyn fmt::Display) -> Self {
        Self(error.to_string())
    }

    /// The attempt did not end in time.
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self(format!("it took longer than {} s", limit.as_secs()))
    }
}

impl fmt::Display for TryAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<FilesError> for TryAgain {
    fn from(error: FilesError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for TryAgain {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<TryAgain> for Unworked {
    fn from(reason: TryAgain) -> Self {
        Self::TryAgain(reason)
    }
}

impl From<StoreError> for Unworked {
    fn from(error: StoreError) -> Self {
        Self::TryAgain(error.into())
    }
}

impl From<QueueError> for Unworked {
    fn from(error: QueueError) -> Self {
        Self::TryAgain(TryAgain::because(&error))
    }
}
