//! The layer in this process: values in memory, and the loads that are under way.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::notification::RemovalCause;
use moka::sync::Cache;
use tokio::sync::watch;

use super::counters::Counters;
use super::entry::Entry;
use super::key::Key;
use crate::store::StoreError;

/// How many locks the loads under way are spread over.
const SHARDS: usize = 64;
/// The most loads under way in one shard: each holds a value or waits for one.
const LOADS_PER_SHARD: usize = 256;

/// What a load came to.
pub(super) type Outcome = Result<Arc<Entry>, StoreError>;
/// How one learns what a load came to.
pub(super) type Waiter = watch::Receiver<Option<Outcome>>;

/// The values in memory, and the loads under way.
///
/// A load that is under way when its key is forgotten goes on for those who wait for it, since they
/// asked before; but whoever asks from then on begins another, and what the old one finds is not kept.
#[derive(Debug)]
pub(super) struct Front {
    values: Option<Cache<Key, Arc<Entry>>>,
    staleness: Duration,
    shards: Vec<Mutex<HashMap<Key, Load>>>,
    hasher: std::hash::RandomState,
    loads: AtomicU64,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Load {
    number: u64,
    outcome: Waiter,
}

/// A load that has just begun, for whoever carries it out.
#[derive(Debug)]
pub(super) struct Begun {
    key: Key,
    number: u64,
    tell: watch::Sender<Option<Outcome>>,
}

impl Front {
    /// Keeps at most `bytes` for at most `staleness` each; nothing where either is zero.
    pub(super) fn new(bytes: u64, staleness: Duration, counters: Arc<Counters>) -> Self {
        let evictions = Arc::clone(&counters);
        let values = (bytes > 0 && !staleness.is_zero()).then(|| {
            Cache::builder()
                .max_capacity(bytes)
                .weigher(|_, entry: &Arc<Entry>| {
                    u32::try_from(entry.value.weight()).unwrap_or(u32::MAX)
                })
                .time_to_live(staleness)
                .eviction_listener(move |_, _, cause| {
                    if cause == RemovalCause::Size {
                        evictions.local.evictions.add(1);
                    }
                })
                .build()
        });
        Self {
            values,
            staleness,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: std::hash::RandomState::new(),
            loads: AtomicU64::new(0),
            counters,
        }
    }

    /// The value of a key, where it is known and not older than it may be; and whether it is about
    /// to be.
    pub(super) fn get(&self, key: &Key) -> Option<(Arc<Entry>, bool)> {
        let entry = self.values.as_ref()?.get(key)?;
        let age = entry.begun.elapsed();
        (age < self.staleness).then(|| (entry, age > self.staleness * 3 / 4))
    }

    /// Joins the load of a key, or begins one.
    ///
    /// # Errors
    /// `Unavailable` where too many are under way.
    pub(super) fn load(&self, key: Key) -> Result<(Waiter, Option<Begun>), StoreError> {
        let mut shard = self.shard(&key);
        if let Some(load) = shard.get(&key) {
            // One whose task ended without a word, as when it panicked, is not waited for.
            if load.outcome.has_changed().is_ok() || load.outcome.borrow().is_some() {
                return Ok((load.outcome.clone(), None));
            }
        }
        if shard.len() >= LOADS_PER_SHARD {
            return Err(StoreError::Unavailable(
                "too many different things are being read".to_owned(),
            ));
        }
        let number = self.loads.fetch_add(1, Ordering::Relaxed);
        let (tell, outcome) = watch::channel(None);
        let waiter = outcome.clone();
        shard.insert(key, Load { number, outcome });
        Ok((waiter, Some(Begun { key, number, tell })))
    }

    /// Ends a load: keeps what it found unless the key was forgotten meanwhile, and tells those who
    /// wait.
    pub(super) fn finish(&self, begun: Begun, outcome: Outcome) {
        {
            let mut shard = self.shard(&begun.key);
            let current = shard
                .get(&begun.key)
                .is_some_and(|load| load.number == begun.number);
            if current {
                shard.remove(&begun.key);
                if let (Ok(entry), Some(values)) = (&outcome, &self.values)
                    && entry.begun.elapsed() < self.staleness
                {
                    values.insert(begun.key, Arc::clone(entry));
                    self.counters.local.fills.add(1);
                }
            }
        }
        begun.tell.send_replace(Some(outcome));
    }

    /// Forgets a key: what is read from now on is what the layers behind have now.
    pub(super) fn forget(&self, key: &Key) {
        let mut shard = self.shard(key);
        shard.remove(key);
        if let Some(values) = &self.values {
            values.invalidate(key);
            self.counters.local.invalidations.add(1);
        }
    }

    /// Brings what is known of a key up to date with a change; forgets it where `amend` can't. Loads that are
    /// under way may have seen the change or not: what they find is not kept.
    pub(super) fn amend(&self, key: &Key, amend: impl FnOnce(&Entry) -> Option<Entry>) {
        let mut shard = self.shard(key);
        shard.remove(key);
        let Some(values) = &self.values else {
            return;
        };
        let known = values.get(key);
        if let Some(amended) = known.and_then(|entry| amend(&entry)) {
            values.insert(*key, Arc::new(amended));
            self.counters.local.amendments.add(1);
        } else {
            values.invalidate(key);
            self.counters.local.invalidations.add(1);
        }
    }

    /// Puts an entry in the place of another, where that still is.
    pub(super) fn replace(&self, key: &Key, entry: &Arc<Entry>, by: Arc<Entry>) {
        let _shard = self.shard(key);
        if let Some(values) = &self.values
            && values
                .get(key)
                .is_some_and(|known| Arc::ptr_eq(&known, entry))
        {
            values.insert(*key, by);
            self.counters.local.amendments.add(1);
        }
    }

    /// When the load of what is known of a key began. No two loads of a key begin at once, so this tells
    /// whether it is still what that load found, and the amendments since.
    pub(super) fn begun(&self, key: &Key) -> Option<Instant> {
        Some(self.values.as_ref()?.get(key)?.begun)
    }

    /// Forgets what is known of a key where it is still this.
    pub(super) fn forget_entry(&self, key: &Key, entry: &Arc<Entry>) {
        let _shard = self.shard(key);
        if let Some(values) = &self.values
            && values
                .get(key)
                .is_some_and(|known| Arc::ptr_eq(&known, entry))
        {
            values.invalidate(key);
            self.counters.local.invalidations.add(1);
        }
    }

    /// Forgets everything.
    pub(super) fn forget_all(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.clear();
            if let Some(values) = &self.values {
                values.invalidate_all();
            }
        }
    }

    /// What the values take, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.values.as_ref().map_or(0, |values| {
            values.run_pending_tasks();
            values.weighted_size()
        })
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, Load>> {
        let number = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
