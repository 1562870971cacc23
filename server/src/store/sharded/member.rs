//! A shard as a process sees it: with its circuit, and a bound on the feeds that read from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::calls::Calls;
use super::shard::Shard;
use crate::limits::{Admission, Circuit, deadline};
use crate::store::StoreError;

/// Feeds that read from one shard at a time, at most.
const FEEDS_MAX: usize = 64;
/// Timeout of a call that finds out whether the shard is back. Without it, the call of a user would last for as long as
/// the driver tries to connect.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// A shard that is not called for a while after it failed.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) store: Arc<dyn Shard>,
    pub(super) calls: Calls,
    circuit: Circuit,
    feeds: Semaphore,
}

impl Member {
    pub(super) fn new(name: String, store: Arc<dyn Shard>) -> Self {
        Self {
            circuit: Circuit::new(format!("shard {name}")),
            name,
            store,
            calls: Calls::default(),
            feeds: Semaphore::new(FEEDS_MAX),
        }
    }

    /// Calls the shard. `Unavailable`, at once, while its circuit is open. A call that was not made, since too many are, says
    /// nothing of the shard.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let admission = self.circuit.admit().ok_or_else(|| self.unavailable())?;
        let began = Instant::now();
        let done = match admission {
            Admission::Usual => call.await,
            Admission::Probe => {
                let left = deadline::left().unwrap_or(PROBE_TIMEOUT);
                let probed = timeout(left.min(PROBE_TIMEOUT), call).await;
                probed.unwrap_or_else(|_| Err(self.unavailable()))
            }
        };
        match &done {
            Err(error @ StoreError::Unavailable(_)) => self.circuit.failed(admission, error),
            Err(StoreError::Busy(_)) => {}
            _ => self.circuit.succeeded(),
        }
        let is_failed = matches!(done, Err(StoreError::Unavailable(_)));
        self.calls.ended(began.elapsed(), is_failed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FAILURES_MAX;
    use crate::store::resolve_shard;

    async fn member() -> (tempfile::TempDir, Member) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("posts").display());
        let shard = resolve_shard("posts-1", &url).await.unwrap();
        (folder, Member::new("posts-1".to_owned(), shard))
    }

    /// A call that does not end, as one of a database that does not answer.
    async fn hang() -> Result<(), StoreError> {
        std::future::pending().await
    }

    async fn open_circuit(member: &Member) {
        for _ in 0..FAILURES_MAX {
            let lost = async { Err::<(), _>(StoreError::Unavailable("lost".to_owned())) };
            assert!(member.call(lost).await.is_err());
        }
        assert!(!member.responds());
        // Until the next probe.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }

    #[tokio::test]
    async fn probe_ends_early() {
        let (_folder, member) = member().await;
        open_circuit(&member).await;
        let began = Instant::now();
        let probed = member.call(hang()).await;
        assert!(matches!(probed, Err(StoreError::Unavailable(_))));
        let took = began.elapsed();
        assert!(took >= PROBE_TIMEOUT, "{took:?}");
        assert!(took < 4 * PROBE_TIMEOUT, "{took:?}");
        // Others do not wait at all.
        let began = Instant::now();
        assert!(member.call(hang()).await.is_err());
        assert!(began.elapsed() < PROBE_TIMEOUT / 2);
        let calls = member.calls.snapshot();
        assert_eq!((calls.count, calls.failed), (4, 4));
    }

    #[tokio::test]
    async fn probe_ends_with_its_request() {
        let (_folder, member) = member().await;
        open_circuit(&member).await;
        let limit = Duration::from_millis(40);
        let began = Instant::now();
        let ended = deadline::within(limit, member.call(hang())).await;
        assert!(ended.is_none_or(|ended| ended.is_err()));
        assert!(began.elapsed() < PROBE_TIMEOUT, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn calls_that_were_not_made_open_no_circuit() {
        let (_folder, member) = member().await;
        for _ in 0..3 * FAILURES_MAX {
            let busy = async { Err::<(), _>(StoreError::Busy("many".to_owned())) };
            assert!(member.call(busy).await.is_err());
        }
        assert!(member.responds());
        // Nor do they close it.
        open_circuit(&member).await;
        let busy = async { Err::<(), _>(StoreError::Busy("many".to_owned())) };
        assert!(member.call(busy).await.is_err());
        assert!(!member.responds());
    }

    #[tokio::test]
    async fn shard_that_is_back_is_used_again() {
        let (_folder, member) = member().await;
        open_circuit(&member).await;
        member.call(async { Ok(()) }).await.unwrap();
        assert!(member.responds());
    }
}
