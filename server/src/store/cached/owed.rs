//! What the shared cache could not be told of: changes that are told as soon as it answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Core;

/// The most keys that are remembered one by one: at 400 writes/s, a cache that is dead for a minute.
/// Beyond, the shared cache is not read at all until all that it held has expired.
const KEYS_MAX: usize = 65_536;
/// How many are told of in one call.
const AT_ONCE: usize = 500;
/// How often telling is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// The keys whose values in the shared cache may be wrong, since it was not told of a change.
///
/// A key is owed until the cache was told, or until everything that it held then has expired. It is told
/// twice, at once and when the change has settled: a load that another process began in between may have
/// seen a replica that was behind.
#[derive(Debug)]
pub(super) struct Owed {
    shared_ttl: Duration,
    settling: Duration,
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: HashMap<Bytes, Debt>,
    /// When the shared cache may be read again, after more was owed than could be remembered.
    distrusted_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Debt {
    since: Instant,
    told: bool,
}

impl Owed {
    pub(super) fn new(shared_ttl: Duration, settling: Duration) -> Self {
        Self {
            shared_ttl,
            settling,
            count: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    /// Whether what the shared cache holds under a key may be wrong.
    pub(super) fn covers(&self, key: &Bytes) -> bool {
        // Most of the time nothing is owed, and no lock is taken.
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let state = self.state();
        state.distrusted_until.is_some() || state.since.contains_key(key)
    }

    /// Remembers keys.
    pub(super) fn add(&self, keys: &[Bytes]) {
        let mut state = self.state();
        let now = Instant::now();
        if state.since.len() + keys.len() > KEYS_MAX {
            state.since.clear();
            state.distrusted_until = Some(now + self.shared_ttl);
            tracing::warn!(
                "too many changes that the cache could not be told of: it is not read for a while"
            );
        } else if state.distrusted_until.is_some() {
            state.distrusted_until = Some(now + self.shared_ttl);
        } else {
            let debt = Debt {
                since: now,
                told: false,
            };
            state
                .since
                .extend(keys.iter().map(|key| (key.clone(), debt)));
        }
        self.recount(&state);
    }

    /// How many keys are owed; one more where it is not known how many.
    pub(super) fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed) as u64
    }

    /// Some of the keys to tell of now. Drops those whose values have expired.
    fn some(&self) -> Vec<(Bytes, Instant)> {
        let mut state = self.state();
        let now = Instant::now();
        let kept = self.shared_ttl + self.settling;
        state
            .since
            .retain(|_, debt| now.duration_since(debt.since) <= kept);
        if state.distrusted_until.is_some_and(|until| until <= now) {
            state.distrusted_until = None;
        }
        self.recount(&state);
        let due = |debt: &Debt| !debt.told || now.duration_since(debt.since) >= self.settling;
        let some = state.since.iter().filter(|(_, debt)| due(debt));
        some.take(AT_ONCE)
            .map(|(key, debt)| (key.clone(), debt.since))
            .collect()
    }

    /// Notes what was told at `told_at`, unless it has changed again.
    fn paid(&self, keys: &[(Bytes, Instant)], told_at: Instant) {
        let mut state = self.state();
        for (key, since) in keys {
            let Some(debt) = state.since.get_mut(key).filter(|debt| debt.since == *since) else {
                continue;
            };
            debt.told = true;
            if told_at.duration_since(*since) >= self.settling {
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

/// Tells the shared cache what is owed, for as long as the store is in use.
pub(super) fn pay_in_background(core: &Arc<Core>) {
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some(core) = core.upgrade() else {
                return;
            };
            while core.owed.len() > 0 {
                let (some, told_at) = (core.owed.some(), Instant::now());
                let keys: Vec<Bytes> = some.iter().map(|(key, _)| key.clone()).collect();
                if keys.is_empty() || core.cache.delete_many(&keys).await.is_err() {
                    break;
                }
                core.owed.paid(&some, told_at);
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
    fn a_key_is_owed_until_it_was_told_of() {
        let owed = Owed::new(Duration::from_secs(60), NONE);
        assert!(!owed.covers(&key(1)));
        owed.add(&[key(1), key(2)]);
        assert!(owed.covers(&key(1)) && !owed.covers(&key(3)));
        let some = owed.some();
        assert_eq!((some.len(), owed.len()), (2, 2));
        std::thread::sleep(Duration::from_millis(2));
        owed.add(&[key(2)]);
        owed.paid(&some, Instant::now());
        // The second changed while the first change was told of.
        assert!(!owed.covers(&key(1)) && owed.covers(&key(2)));
    }

    #[test]
    fn a_key_is_told_of_again_when_it_has_settled() {
        let owed = Owed::new(Duration::from_secs(60), Duration::from_secs(30));
        owed.add(&[key(1)]);
        let (some, now) = (owed.some(), Instant::now());
        owed.paid(&some, now);
        assert!(owed.covers(&key(1)));
        assert!(owed.some().is_empty());
        owed.paid(&some, now + Duration::from_secs(31));
        assert!(!owed.covers(&key(1)));
    }

    #[test]
    fn what_has_expired_is_owed_no_more() {
        let owed = Owed::new(Duration::from_millis(20), NONE);
        owed.add(&[key(1)]);
        std::thread::sleep(Duration::from_millis(30));
        assert!(owed.some().is_empty());
        assert!(!owed.covers(&key(1)));
    }

    #[test]
    fn too_much_is_everything() {
        let owed = Owed::new(Duration::from_millis(400), NONE);
        let many: Vec<Bytes> = (0..=KEYS_MAX).map(key).collect();
        let begun = Instant::now();
        owed.add(&many);
        let (covered, took) = (owed.covers(&key(usize::MAX)), begun.elapsed());
        assert!(covered || took > Duration::from_millis(400));
        assert!(owed.len() <= 1);
        std::thread::sleep(Duration::from_millis(450));
        assert!(owed.some().is_empty());
        assert!(!owed.covers(&key(1)));
    }
}
