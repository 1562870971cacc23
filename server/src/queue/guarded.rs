//! Queue in another process, whose calls are guarded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{DeadLetter, Delivery, JobId, Queue, QueueError, QueueStats};
use crate::limits::{Guard, GuardedError};

/// Maximum number of calls at once.
const CALLS_MAX: usize = 256;

/// Queue whose calls are guarded. Every call may be repeated; waits for jobs are not guarded, as they are long and few.
#[derive(Debug)]
pub(super) struct GuardedQueue {
    inner: Arc<dyn Queue>,
    guard: Guard,
}

impl GuardedQueue {
    /// Wraps a queue.
    pub(super) fn new(inner: Arc<dyn Queue>) -> Self {
        Self {
            inner,
            guard: Guard::new("queue", CALLS_MAX),
        }
    }
}

impl GuardedError for QueueError {
    fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    fn refused(reason: &'static str) -> Self {
        Self::Refused(reason)
    }
}

#[async_trait]
impl Queue for GuardedQueue {
    async fn push(&self, id: &JobId, payload: Bytes) -> Result<(), QueueError> {
        self.guard
            .call(|| self.inner.push(id, payload.clone()))
            .await
    }

    async fn pull(&self, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        self.inner.pull(wait).await
    }

    async fn extend(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.guard.call(|| self.inner.extend(delivery)).await
    }

    async fn complete(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.guard.call(|| self.inner.complete(delivery)).await
    }

    async fn retry(&self, delivery: &Delivery, pause: Duration) -> Result<(), QueueError> {
        self.guard.call(|| self.inner.retry(delivery, pause)).await
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        self.guard.call(|| self.inner.bury(delivery, reason)).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.guard.call(|| self.inner.dead_letters(limit)).await
    }

    async fn revive(&self, id: &JobId) -> Result<(), QueueError> {
        // The second of two would find no dead letter.
        self.inner.revive(id).await
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        self.guard.call(|| self.inner.stats()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{MemoryQueue, contract};

    #[tokio::test]
    async fn satisfies_contract() {
        contract::holds(async |options| {
            let inner = Arc::new(MemoryQueue::new(options));
            Arc::new(GuardedQueue::new(inner)) as Arc<dyn Queue>
        })
        .await;
    }
}
