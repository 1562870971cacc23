//! Circuit breaker: a cache that fails is not called for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Cache, CacheError};
use crate::ledger::{self, Part};

/// Consecutive failures that open the circuit.
const FAILURES_MAX: u32 = 3;
/// Initial pause.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Maximum pause, and so the maximum time that a recovered cache is unused.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Wrapper that does not call a failing cache.
///
/// After three consecutive failures the circuit is open: calls fail at once with
/// [`CacheError::CircuitOpen`]. After a pause (100 ms, doubling up to 2 s) one call is a probe. If it
/// succeeds, the circuit closes; otherwise the next pause begins. So a dead cache delays one call a pause
/// and no others.
#[derive(Debug)]
pub struct CircuitBreaker {
    inner: Arc<dyn Cache>,
    /// End of the pause, in nanoseconds since `origin`; 0 if the circuit is closed.
    open_until_ns: AtomicU64,
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    pause: Duration,
}

impl CircuitBreaker {
    /// Wraps a cache.
    #[must_use]
    pub fn new(inner: Arc<dyn Cache>) -> Self {
        Self {
            inner,
            open_until_ns: AtomicU64::new(0),
            origin: Instant::now(),
            state: Mutex::new(State {
                failures: 0,
                pause: PAUSE_MIN,
            }),
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let probing = self.admit()?;
        let span = ledger::enter(Part::Cache);
        let outcome = call.await;
        drop(span);
        match &outcome {
            Ok(_) | Err(CacheError::Invalid(_) | CacheError::Rejected(_)) => self.succeeded(),
            Err(error) => self.failed(probing, error),
        }
        outcome
    }

    /// Admits a call; returns true if it is a probe.
    fn admit(&self) -> Result<bool, CacheError> {
        let until = self.open_until_ns.load(Ordering::Acquire);
        if until == 0 {
            return Ok(false);
        }
        let now = self.now_ns();
        if now < until {
            return Err(CacheError::CircuitOpen);
        }
        // Other calls wait for another pause. If this probe is cancelled, the next follows after it.
        let next = now.saturating_add(ns(self.state().pause)).max(1);
        self.open_until_ns
            .compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| true)
            .map_err(|_| CacheError::CircuitOpen)
    }

    fn succeeded(&self) {
        // Most calls succeed while the circuit is closed: they take no lock.
        if self.open_until_ns.load(Ordering::Acquire) == 0 {
            if let Ok(mut state) = self.state.try_lock() {
                state.failures = 0;
            }
            return;
        }
        let mut state = self.state();
        state.failures = 0;
        state.pause = PAUSE_MIN;
        self.open_until_ns.store(0, Ordering::Release);
        tracing::info!("the cache responds again");
    }

    fn failed(&self, probing: bool, error: &CacheError) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if probing {
            state.pause = (state.pause * 2).min(PAUSE_MAX);
        } else if state.failures < FAILURES_MAX || self.open_until_ns.load(Ordering::Acquire) != 0 {
            // The failures of calls that were in flight when the circuit opened carry no news.
            return;
        } else {
            tracing::warn!(%error, "the cache does not respond; continuing without it");
        }
        let until = self.now_ns().saturating_add(ns(state.pause)).max(1);
        self.open_until_ns.store(until, Ordering::Release);
    }

    fn now_ns(&self) -> u64 {
        ns(self.origin.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use super::*;
    use crate::cache::{MemoryCache, contract};

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

    #[tokio::test]
    async fn concurrent_failures_open_circuit_once() {
        let inner = Arc::new(CutOff::default());
        let breaker = CircuitBreaker::new(inner);
        let lost = CacheError::Unavailable("lost".to_owned());
        for _ in 0..100 {
            breaker.failed(false, &lost);
        }
        assert_eq!(breaker.state().pause, PAUSE_MIN);
        breaker.failed(true, &lost);
        assert_eq!(breaker.state().pause, 2 * PAUSE_MIN);
    }
}
