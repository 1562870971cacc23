//! Circuit breaker: a cache that fails is not called for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Cache, CacheError};
use crate::ledger::{self, Part};
use crate::limits::Circuit;

/// Wrapper that does not call a failing cache: while its circuit is open, calls fail at once with
/// [`CacheError::CircuitOpen`].
#[derive(Debug)]
pub struct CircuitBreaker {
    inner: Arc<dyn Cache>,
    circuit: Circuit,
}

impl CircuitBreaker {
    /// Wraps a cache.
    #[must_use]
    pub fn new(inner: Arc<dyn Cache>) -> Self {
        Self {
            inner,
            circuit: Circuit::new("cache"),
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let admission = self.circuit.admit().ok_or(CacheError::CircuitOpen)?;
        let span = ledger::enter(Part::Cache);
        let outcome = call.await;
        drop(span);
        match &outcome {
            Ok(_) | Err(CacheError::Invalid(_) | CacheError::Rejected(_)) => {
                self.circuit.succeeded();
            }
            Err(error) => self.circuit.failed(admission, error),
        }
        outcome
    }
}

#[async_trait]
impl Cache for CircuitBreaker {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError> {
        self.call(self.inner.get(key)).await
    }

    async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError> {
        self.call(self.inner.get_many(keys)).await
    }

    async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        self.call(self.inner.set(key, value, ttl)).await
    }

    async fn set_many(&self, pairs: &[(Bytes, Bytes)], ttl: Duration) -> Result<(), CacheError> {
        self.call(self.inner.set_many(pairs, ttl)).await
    }

    async fn set_if_absent(
        &self,
        key: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        self.call(self.inner.set_if_absent(key, value, ttl)).await
    }

    async fn replace(
        &self,
        key: &[u8],
        expected: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        self.call(self.inner.replace(key, expected, value, ttl))
            .await
    }

    async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError> {
        self.call(self.inner.delete_many(keys)).await
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::cache::{MemoryCache, contract};
    use crate::limits::{FAILURES_MAX, PAUSE_MAX};

    /// Cache that counts calls, and that can be disconnected or delay its next deletion.
    #[derive(Debug, Default)]
    pub(crate) struct CutOff {
        inner: MemoryCache,
        pub(crate) cut: AtomicBool,
        pub(crate) calls: AtomicU64,
        /// Delay of the next deletion before it takes effect, in milliseconds.
        hold_ms: AtomicU64,
    }

    impl CutOff {
        pub(crate) fn hold_next_deletion(&self, hold_ms: u64) {
            self.hold_ms.store(hold_ms, Ordering::SeqCst);
        }

        /// Returns true if the delayed deletion has started.
        pub(crate) fn holds(&self) -> bool {
            self.hold_ms.load(Ordering::SeqCst) == 0
        }

        pub(crate) fn cut(&self, cut: bool) {
            self.cut.store(cut, Ordering::SeqCst);
        }

        fn call(&self) -> Result<&MemoryCache, CacheError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            if self.cut.load(Ordering::SeqCst) {
                Err(CacheError::Unavailable("cut off".to_owned()))
            } else {
                Ok(&self.inner)
            }
        }
    }

    #[async_trait]
    impl Cache for CutOff {
        async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError> {
            self.call()?.get(key).await
        }

        async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError> {
            self.call()?.get_many(keys).await
        }

        async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError> {
            self.call()?.set(key, value, ttl).await
        }

        async fn set_many(
            &self,
            pairs: &[(Bytes, Bytes)],
            ttl: Duration,
        ) -> Result<(), CacheError> {
            self.call()?.set_many(pairs, ttl).await
        }

        async fn set_if_absent(
            &self,
            key: &[u8],
            value: Bytes,
            ttl: Duration,
        ) -> Result<bool, CacheError> {
            self.call()?.set_if_absent(key, value, ttl).await
        }

        async fn replace(
            &self,
            key: &[u8],
            expected: &[u8],
            value: Bytes,
            ttl: Duration,
        ) -> Result<bool, CacheError> {
            self.call()?.replace(key, expected, value, ttl).await
        }

        async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError> {
            let hold_ms = self.hold_ms.swap(0, Ordering::SeqCst);
            if hold_ms > 0 {
                tokio::time::sleep(Duration::from_millis(hold_ms)).await;
            }
            self.call()?.delete_many(keys).await
        }
    }

    #[tokio::test]
    async fn satisfies_contract() {
        let inner = Arc::new(MemoryCache::default());
        contract::is_kept(Arc::new(CircuitBreaker::new(inner))).await;
    }

    #[tokio::test]
    async fn dead_cache_is_probed_until_it_recovers() {
        let inner = Arc::new(CutOff::default());
        let breaker = CircuitBreaker::new(inner.clone());
        inner.cut(true);
        for _ in 0..FAILURES_MAX {
            let failed = breaker.get(b"key").await;
            assert!(
                matches!(failed, Err(CacheError::Unavailable(_))),
                "{failed:?}"
            );
        }
        let begun = Instant::now();
        let mut rejected = 0_u64;
        while begun.elapsed() < Duration::from_millis(700) {
            rejected += u64::from(breaker.get(b"key").await == Err(CacheError::CircuitOpen));
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        // Probes after 100, 200 and 400 ms at the earliest; never more, however late this thread runs.
        let probes = inner.calls.load(Ordering::SeqCst) - u64::from(FAILURES_MAX);
        assert!((1..=4).contains(&probes), "{probes}");
        assert!(rejected > probes, "{rejected}");
        inner.cut(false);
        let begun = Instant::now();
        while breaker.get(b"key").await.is_err() {
            assert!(begun.elapsed() < 2 * PAUSE_MAX, "the circuit stayed open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(breaker.get(b"key").await, Ok(None));
    }

    #[tokio::test]
    async fn occasional_failures_keep_circuit_closed() {
        let inner = Arc::new(CutOff::default());
        let breaker = CircuitBreaker::new(inner.clone());
        for round in 0..20 {
            inner.cut(round % 3 != 2);
            let result = breaker.get(b"key").await;
            assert_ne!(result, Err(CacheError::CircuitOpen), "{round}");
        }
    }
}
