//! One replica, or several behind one address: how far behind it is.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Store;

/// The worst of so many looks counts, since each may have met another replica behind a balancer.
const LOOKS: usize = 8;

/// How a replica is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaStats {
    /// How far it is behind at most; `None` where that is not known, as when it is dead.
    pub lag: Option<Duration>,
    /// Whether it is read.
    pub in_use: bool,
    /// Reads that it answered.
    pub reads: u64,
    /// Reads that it failed, or did not answer in time.
    pub errors: u64,
}

/// A replica.
pub(super) struct Replica {
    store: Arc<dyn Store>,
    looks: Mutex<Looks>,
    reads: AtomicU64,
    errors: AtomicU64,
}

#[derive(Debug, Default)]
struct Looks {
    /// How old what was shown was when it was asked for.
    lags: VecDeque<Duration>,
    /// When it was last asked, where it answered.
    last: Option<Instant>,
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replica").field(&self.store).finish()
    }
}

impl Replica {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            looks: Mutex::default(),
            reads: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Notes that it was asked at `asked`, and showed a beat begun at `shown` if any.
    pub(super) fn looked(&self, asked: Instant, shown: Option<Instant>) {
        let mut looks = self.looks();
        looks.last = shown.map(|_| asked);
        match shown {
            Some(shown) => {
                if looks.lags.len() == LOOKS {
                    looks.lags.pop_front();
                }
                looks.lags.push_back(asked.saturating_duration_since(shown));
            }
            None => looks.lags.clear(),
        }
    }

    /// Up to when it shows everything that was written, as far as is known.
    pub(super) fn shows(&self, now: Instant) -> Option<Instant> {
        let looks = self.looks();
        let worst = *looks.lags.iter().max()?;
        looks.last?.min(now).checked_sub(worst)
    }

    pub(super) fn answered(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a read failed: it is not read until it has been looked at again.
    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut looks = self.looks();
        looks.last = None;
        looks.lags.clear();
    }

    pub(super) fn stats(&self, lag_max: Duration) -> ReplicaStats {
        let now = Instant::now();
        let lag = self.shows(now).map(|shows| now.duration_since(shows));
        ReplicaStats {
            lag,
            in_use: lag.is_some_and(|lag| lag <= lag_max),
            reads: self.reads.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn the_worst_of_the_last_looks_counts() {
        let replica = Replica::new(Arc::new(MemoryStore::default()));
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(replica.shows(at(0)), None);
        replica.looked(at(1_000), Some(at(900)));
        assert_eq!(replica.shows(at(5_000)), Some(at(900)));
        // Another behind the same address is far behind.
        replica.looked(at(1_100), Some(at(100)));
        assert_eq!(replica.shows(at(1_100)), Some(at(100)));
        for look in 0..LOOKS as u64 {
            assert_eq!(replica.shows(at(9_000)), Some(at(100 + 100 * look)));
            replica.looked(at(1_200 + 100 * look), Some(at(1_100 + 100 * look)));
        }
        assert_eq!(replica.shows(at(9_000)), Some(at(1_800)));
        replica.looked(at(3_000), None);
        assert_eq!(replica.shows(at(9_000)), None);
        replica.looked(at(3_100), Some(at(3_000)));
        assert!(replica.shows(at(9_000)).is_some());
        replica.failed();
        assert_eq!(replica.shows(at(9_000)), None);
    }
}
