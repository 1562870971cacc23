//! A shard as a process sees it: with its circuit, and a bound on the feeds that read from it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::shard::Shard;
use crate::limits::{Admission, Circuit};
use crate::store::StoreError;

/// Feeds that read from one shard at a time, at most.
const FEEDS_MAX: usize = 64;

/// A shard that is not called for a while after it failed.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) store: Arc<dyn Shard>,
    circuit: Circuit,
    feeds: Semaphore,
}

impl Member {
    pub(super) fn new(name: String, store: Arc<dyn Shard>) -> Self {
        Self {
            circuit: Circuit::new(format!("shard {name}")),
            name,
            store,
            feeds: Semaphore::new(FEEDS_MAX),
        }
    }

    /// Calls the shard. `Unavailable`, at once, while its circuit is open.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let admission = self.circuit.admit().ok_or_else(|| self.unavailable())?;
        let done = call.await;
        match &done {
            Err(error @ StoreError::Unavailable(_)) => self.circuit.failed(admission, error),
            _ => self.circuit.succeeded(),
        }
        done
    }

    /// Calls the shard for a feed, once fewer than the bound do.
    pub(super) async fn call_for_feed<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let _permit = self.feeds.acquire().await.map_err(|_| self.unavailable())?;
        self.call(call).await
    }

    /// Counts a call that was cancelled at its deadline.
    pub(super) fn timed_out(&self) {
        let why = StoreError::Unavailable("no answer in time".to_owned());
        self.circuit.failed(Admission::Usual, &why);
    }

    /// Returns false while the circuit is open.
    pub(super) fn responds(&self) -> bool {
        self.circuit.is_closed()
    }

    fn unavailable(&self) -> StoreError {
        StoreError::Unavailable(format!("the shard {} does not respond", self.name))
    }
}
