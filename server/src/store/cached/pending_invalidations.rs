//! Invalidations that failed because the shared cache did not respond, and are retried until it does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Core;

/// Maximum number of tracked keys: a minute of outage at 400 writes/s. Above it, the shared cache is not
/// read until all its values have expired.
const KEYS_MAX: usize = 65_536;
/// Maximum number of keys per call.
const BATCH_KEYS_MAX: usize = 500;
/// Interval between retries.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Keys whose values in the shared cache may be stale, because an invalidation failed.
///
/// A key is tracked until it was invalidated, or until all values cached at that time have expired. It is
/// invalidated twice: at once, and again when the change has settled. In between, another process may have
/// loaded the value from a replica that lagged.
#[derive(Debug)]
pub(super) struct PendingInvalidations {
    shared_ttl: Duration,
    settling: Duration,
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: HashMap<Bytes, Pending>,
    /// Time from which the shared cache may be read again, after too many keys had to be tracked.
    distrusted_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    since: Instant,
    sent: bool,
}

impl PendingInvalidations {
    pub(super) fn new(shared_ttl: Duration, settling: Duration) -> Self {
        Self {
            shared_ttl,
            settling,
            count: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    /// Returns true if the value of a key in the shared cache may be stale.
    pub(super) fn covers(&self, key: &Bytes) -> bool {
        // Usually there are none, and no lock is taken.
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let state = self.state();
        state.distrusted_until.is_some() || state.since.contains_key(key)
    }

    /// Tracks keys.
    pub(super) fn add(&self, keys: &[Bytes]) {
        let mut state = self.state();
        let now = Instant::now();
        if state.since.len() + keys.len() > KEYS_MAX {
            state.since.clear();
            state.distrusted_until = Some(now + self.shared_ttl);
            tracing::warn!(
                "too many failed invalidations: the cache is not read until its values have expired"
            );
        } else if state.distrusted_until.is_some() {
            state.distrusted_until = Some(now + self.shared_ttl);
        } else {
            let pending = Pending {
                since: now,
                sent: false,
            };
            state
                .since
                .extend(keys.iter().map(|key| (key.clone(), pending)));
        }
        self.recount(&state);
    }

    /// Returns the number of tracked keys, plus one if the cache is not read.
    pub(super) fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed) as u64
    }

    /// Returns a batch of keys to invalidate now. Drops keys whose values have expired.
    fn batch(&self) -> Vec<(Bytes, Instant)> {
        let mut state = self.state();
        let now = Instant::now();
        let retention = self.shared_ttl + self.settling;
        state
            .since
            .retain(|_, pending| now.duration_since(pending.since) <= retention);
        if state.distrusted_until.is_some_and(|until| until <= now) {
            state.distrusted_until = None;
        }
        self.recount(&state);
        let due =
            |pending: &Pending| !pending.sent || now.duration_since(pending.since) >= self.settling;
        let batch = state.since.iter().filter(|(_, pending)| due(pending));
        batch
            .take(BATCH_KEYS_MAX)
            .map(|(key, pending)| (key.clone(), pending.since))
            .collect()
    }

    /// Records invalidations sent at `sent_at`, except of keys that changed again since.
    fn sent(&self, keys: &[(Bytes, Instant)], sent_at: Instant) {
        let mut state = self.state();
        for (key, since) in keys {
            let Some(pending) = state
                .since
                .get_mut(key)
                .filter(|pending| pending.since == *since)
            else {
                continue;
            };
            pending.sent = true;
            if sent_at.duration_since(*since) >= self.settling {
                state.since.remove(key);
            }
        }
        self.recount(&state);
    }

    fn recount(&self, state: &State) {
        let count = state.since.len() + usize::from(state.distrusted_until.is_some());
        self.count.store(count, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Retries failed invalidations for as long as the store is in use.
pub(super) fn retry_in_background(core: &Arc<Core>) {
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(RETRY_INTERVAL).await;
            let Some(core) = core.upgrade() else {
                return;
            };
            while core.pending.len() > 0 {
                let (batch, sent_at) = (core.pending.batch(), Instant::now());
                let keys: Vec<Bytes> = batch.iter().map(|(key, _)| key.clone()).collect();
                if keys.is_empty() || core.cache.delete_many(&keys).await.is_err() {
                    break;
                }
                core.pending.sent(&batch, sent_at);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    const NONE: Duration = Duration::ZERO;

    #[test]
    fn key_is_pending_until_invalidated() {
        let pending = PendingInvalidations::new(Duration::from_secs(60), NONE);
        assert!(!pending.covers(&key(1)));
        pending.add(&[key(1), key(2)]);
        assert!(pending.covers(&key(1)) && !pending.covers(&key(3)));
        let batch = pending.batch();
        assert_eq!((batch.len(), pending.len()), (2, 2));
        std::thread::sleep(Duration::from_millis(2));
        pending.add(&[key(2)]);
        pending.sent(&batch, Instant::now());
        // The second key changed again while the first change was sent.
        assert!(!pending.covers(&key(1)) && pending.covers(&key(2)));
    }

    #[test]
    fn key_is_invalidated_again_after_settling() {
        let pending = PendingInvalidations::new(Duration::from_secs(60), Duration::from_secs(30));
        pending.add(&[key(1)]);
        let (batch, now) = (pending.batch(), Instant::now());
        pending.sent(&batch, now);
        assert!(pending.covers(&key(1)));
        assert!(pending.batch().is_empty());
        pending.sent(&batch, now + Duration::from_secs(31));
        assert!(!pending.covers(&key(1)));
    }

    #[test]
    fn expired_key_is_not_pending() {
        let pending = PendingInvalidations::new(Duration::from_millis(20), NONE);
        pending.add(&[key(1)]);
        std::thread::sleep(Duration::from_millis(30));
        assert!(pending.batch().is_empty());
        assert!(!pending.covers(&key(1)));
    }

    #[test]
    fn too_many_keys_cover_everything() {
        let pending = PendingInvalidations::new(Duration::from_millis(400), NONE);
        let many: Vec<Bytes> = (0..=KEYS_MAX).map(key).collect();
        let begun = Instant::now();
        pending.add(&many);
        let (covered, took) = (pending.covers(&key(usize::MAX)), begun.elapsed());
        assert!(covered || took > Duration::from_millis(400));
        assert!(pending.len() <= 1);
        std::thread::sleep(Duration::from_millis(450));
        assert!(pending.batch().is_empty());
        assert!(!pending.covers(&key(1)));
    }
}
