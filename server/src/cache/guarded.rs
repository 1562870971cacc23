//! A cache that is left alone for a while once it has stopped answering: a circuit breaker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Cache, CacheError};

/// How many failures in a row are a cache that has stopped answering.
const FAILURES: u32 = 3;
/// How long it is left alone at first.
const REST_MIN: Duration = Duration::from_millis(100);
/// How long it is left alone at most: so long is the cache unused once it answers again.
const REST_MAX: Duration = Duration::from_secs(2);

/// A cache over another that is not asked while it does not answer.
///
/// After three failures in a row each call is answered with [`CacheError::Resting`] at once, without
/// asking. When the rest is over (100 ms, doubled up to 2 s) one call goes through: where it succeeds
/// the cache is in use again, otherwise it rests longer. So a dead cache costs one waiting call a rest,
/// and nothing to all others.
#[derive(Debug)]
pub struct GuardedCache {
    inner: Arc<dyn Cache>,
    /// When the rest ends, in nanoseconds since `origin`; 0 where the cache is in use.
    rests_until_ns: AtomicU64,
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    rest: Duration,
}

impl GuardedCache {
    /// Guards a cache.
    #[must_use]
    pub fn new(inner: Arc<dyn Cache>) -> Self {
        Self {
            inner,
            rests_until_ns: AtomicU64::new(0),
            origin: Instant::now(),
            state: Mutex::new(State {
                failures: 0,
                rest: REST_MIN,
            }),
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let probing = self.admit()?;
        let outcome = call.await;
        match &outcome {
            Ok(_) | Err(CacheError::Invalid(_) | CacheError::Refused(_)) => self.succeeded(),
            Err(error) => self.failed(probing, error),
        }
        outcome
    }

    /// Lets a call through, or one alone where a rest is over; says whether it is that.
    fn admit(&self) -> Result<bool, CacheError> {
        let until = self.rests_until_ns.load(Ordering::Acquire);
        if until == 0 {
            return Ok(false);
        }
        let now = self.now_ns();
        if now < until {
            return Err(CacheError::Resting);
        }
        // The others rest on while this one tries. Should it be given up, the next tries after it.
        let next = now.saturating_add(ns(self.state().rest)).max(1);
        self.rests_until_ns
            .compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| true)
            .map_err(|_| CacheError::Resting)
    }

    fn succeeded(&self) {
        // Most calls succeed after one that did: they take no lock.
        if self.rests_until_ns.load(Ordering::Acquire) == 0 {
            if let Ok(mut state) = self.state.try_lock() {
                state.failures = 0;
            }
            return;
        }
        let mut state = self.state();
        state.failures = 0;
        state.rest = REST_MIN;
        self.rests_until_ns.store(0, Ordering::Release);
        tracing::info!("the cache answers again");
    }

    fn failed(&self, probing: bool, error: &CacheError) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if probing {
            state.rest = (state.rest * 2).min(REST_MAX);
        } else if state.failures < FAILURES || self.rests_until_ns.load(Ordering::Acquire) != 0 {
            // Many calls may have been under way when the rest began: they say nothing new.
            return;
        } else {
            tracing::warn!(%error, "the cache does not answer: going without it");
        }
        let until = self.now_ns().saturating_add(ns(state.rest)).max(1);
        self.rests_until_ns.store(until, Ordering::Release);
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
impl Cache for GuardedCache {
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

    /// A cache that can be cut off and whose next deletion can be held up, and counts how often it was asked.
    #[derive(Debug, Default)]
    pub(crate) struct CutOff {
        inner: MemoryCache,
        pub(crate) cut: AtomicBool,
        pub(crate) calls: AtomicU64,
        /// How long the next deletion takes before it takes effect, in milliseconds.
        hold_ms: AtomicU64,
    }

    impl CutOff {
        pub(crate) fn hold_next_deletion(&self, hold_ms: u64) {
            self.hold_ms.store(hold_ms, Ordering::SeqCst);
        }

        /// Whether the deletion that was to be held up has begun.
        pub(crate) fn holds(&self) -> bool {
            self.hold_ms.load(Ordering::SeqCst) == 0
        }

        pub(crate) fn cut(&self, cut: bool) {
            self.cut.store(cut, Ordering::SeqCst);
        }

        fn asked(&self) -> Result<&MemoryCache, CacheError> {
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
            self.asked()?.get(key).await
        }

        async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError> {
            self.asked()?.get_many(keys).await
        }

        async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError> {
            self.asked()?.set(key, value, ttl).await
        }

        async fn set_many(
            &self,
            pairs: &[(Bytes, Bytes)],
            ttl: Duration,
        ) -> Result<(), CacheError> {
            self.asked()?.set_many(pairs, ttl).await
        }

        async fn set_if_absent(
            &self,
            key: &[u8],
            value: Bytes,
            ttl: Duration,
        ) -> Result<bool, CacheError> {
            self.asked()?.set_if_absent(key, value, ttl).await
        }

        async fn replace(
            &self,
            key: &[u8],
            expected: &[u8],
            value: Bytes,
            ttl: Duration,
        ) -> Result<bool, CacheError> {
            self.asked()?.replace(key, expected, value, ttl).await
        }

        async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError> {
            let hold_ms = self.hold_ms.swap(0, Ordering::SeqCst);
            if hold_ms > 0 {
                tokio::time::sleep(Duration::from_millis(hold_ms)).await;
            }
            self.asked()?.delete_many(keys).await
        }
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        let inner = Arc::new(MemoryCache::default());
        contract::is_kept(Arc::new(GuardedCache::new(inner))).await;
    }

    #[tokio::test]
    async fn a_dead_cache_is_hardly_asked_and_found_again() {
        let inner = Arc::new(CutOff::default());
        let guarded = GuardedCache::new(inner.clone());
        inner.cut(true);
        for _ in 0..FAILURES {
            let failed = guarded.get(b"key").await;
            assert!(
                matches!(failed, Err(CacheError::Unavailable(_))),
                "{failed:?}"
            );
        }
        let begun = Instant::now();
        let mut resting = 0_u64;
        while begun.elapsed() < Duration::from_millis(700) {
            resting += u64::from(guarded.get(b"key").await == Err(CacheError::Resting));
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        // After 100, 200 and 400 ms at the earliest; never more, however late this thread runs.
        let asked = inner.calls.load(Ordering::SeqCst) - u64::from(FAILURES);
        assert!((1..=4).contains(&asked), "{asked}");
        assert!(resting > asked, "{resting}");
        inner.cut(false);
        let begun = Instant::now();
        while guarded.get(b"key").await.is_err() {
            assert!(begun.elapsed() < 2 * REST_MAX, "it was not found again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(guarded.get(b"key").await, Ok(None));
    }

    #[tokio::test]
    async fn a_failure_now_and_then_is_no_reason_to_rest() {
        let inner = Arc::new(CutOff::default());
        let guarded = GuardedCache::new(inner.clone());
        for round in 0..20 {
            inner.cut(round % 3 != 2);
            let answer = guarded.get(b"key").await;
            assert_ne!(answer, Err(CacheError::Resting), "{round}");
        }
    }

    #[tokio::test]
    async fn calls_that_fail_together_make_one_short_rest() {
        let inner = Arc::new(CutOff::default());
        let guarded = GuardedCache::new(inner);
        let lost = CacheError::Unavailable("lost".to_owned());
        for _ in 0..100 {
            guarded.failed(false, &lost);
        }
        assert_eq!(guarded.state().rest, REST_MIN);
        guarded.failed(true, &lost);
        assert_eq!(guarded.state().rest, 2 * REST_MIN);
    }
}
