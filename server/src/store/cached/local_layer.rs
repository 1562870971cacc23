//! Local layer: values in the memory of this process, and loads in progress.

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

/// Number of locks that the loads in progress are spread over.
const SHARDS: usize = 64;
/// Maximum number of loads in progress per shard: each holds a value or waits for one.
const LOADS_PER_SHARD_MAX: usize = 256;

/// Outcome of a load.
pub(super) type Outcome = Result<Arc<Entry>, StoreError>;
/// Receiver of the outcome of a load.
pub(super) type Waiter = watch::Receiver<Option<Outcome>>;

/// Values in memory and loads in progress.
///
/// If a key is invalidated while a load is in progress, the load continues for its current waiters, which
/// asked before the change. Later readers start another load, and the outcome of the old one is not cached.
#[derive(Debug)]
pub(super) struct LocalLayer {
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

/// Load that was just started, for the task that executes it.
#[derive(Debug)]
pub(super) struct LoadTask {
    key: Key,
    number: u64,
    sender: watch::Sender<Option<Outcome>>,
}

impl LocalLayer {
    /// Creates a layer of at most `bytes`, whose values live for `staleness`. Caches nothing if either is zero.
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

    /// Returns the value of a key, unless it is missing or expired, and true if it expires soon.
    pub(super) fn get(&self, key: &Key) -> Option<(Arc<Entry>, bool)> {
        let entry = self.values.as_ref()?.get(key)?;
        let age = entry.begun.elapsed();
        (age < self.staleness).then(|| (entry, age > self.staleness * 3 / 4))
    }

    /// Joins the load of a key, or starts one.
    ///
    /// # Errors
    /// `Busy` if too many are in progress.
    pub(super) fn load(&self, key: Key) -> Result<(Waiter, Option<LoadTask>), StoreError> {
        let mut shard = self.shard(&key);
        if let Some(load) = shard.get(&key) {
            // A load whose task ended without an outcome, as by a panic, is replaced.
            if load.outcome.has_changed().is_ok() || load.outcome.borrow().is_some() {
                return Ok((load.outcome.clone(), None));
            }
        }
        if shard.len() >= LOADS_PER_SHARD_MAX {
            return Err(StoreError::Busy(
                "too many different records are being read".to_owned(),
            ));
        }
        let number = self.loads.fetch_add(1, Ordering::Relaxed);
        let (sender, outcome) = watch::channel(None);
        let waiter = outcome.clone();
        shard.insert(key, Load { number, outcome });
        Ok((
            waiter,
            Some(LoadTask {
                key,
                number,
                sender,
            }),
        ))
    }

    /// Completes a load: caches its outcome unless the key was invalidated in the meantime, and notifies the
    /// waiters.
    pub(super) fn finish(&self, begun: LoadTask, outcome: Outcome) {
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
        begun.sender.send_replace(Some(outcome));
    }

    /// Invalidates a key: later reads go to the next layer.
    pub(super) fn invalidate(&self, key: &Key) {
        let mut shard = self.shard(key);
        shard.remove(key);
        if let Some(values) = &self.values {
            values.invalidate(key);
            self.counters.local.invalidations.add(1);
        }
    }

    /// Updates the value of a key with a change; invalidates it if `amend` returns `None`. The outcomes of loads
    /// in progress, which may or may not contain the change, are not cached.
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

    /// Replaces an entry, if it is still the current one.
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

    /// Returns the time at which the load of a key's value started. Two loads of one key never start at once,
    /// so it identifies the load, regardless of later amendments.
    pub(super) fn begun(&self, key: &Key) -> Option<Instant> {
        Some(self.values.as_ref()?.get(key)?.begun)
    }

    /// Invalidates a key, if this entry is still the current one.
    pub(super) fn invalidate_entry(&self, key: &Key, entry: &Arc<Entry>) {
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

    /// Invalidates everything.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.clear();
            if let Some(values) = &self.values {
                values.invalidate_all();
            }
        }
    }

    /// Returns the size of the values, in bytes.
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
