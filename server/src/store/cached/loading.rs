//! Loading of values missing in the local layer: from the shared cache, or from the store under a lease.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::{SemaphorePermit, oneshot};
use tokio::time::{sleep, timeout};

use super::entry::{Entry, Envelope, Value};
use super::key::Key;
use super::local_layer::LoadTask;
use super::{Core, FOLLOWEES_MAX, UpdatePolicy};
use crate::ledger::{self, Entries, Lane, Part};
use crate::model::{Page, Timestamp, UserId};
use crate::store::{PostList, Shared, StoreError};

/// Initial interval for polling another process's load. It doubles each time.
const POLL_MIN: Duration = Duration::from_millis(2);
/// Maximum interval.
const POLL_MAX: Duration = Duration::from_millis(20);

/// Loaded value, with the start of its load and the newest change at that time.
pub(super) struct Found {
    pub(super) value: Value,
    begun: Instant,
    checked: u64,
}

impl Core {
    /// Executes a load in a separate task: any of its waiters may be cancelled. Returns the ledger of the load,
    /// which is sent before its outcome. `None` if this task has none.
    pub(super) fn spawn_load(
        self: &Arc<Self>,
        key: Key,
        begun: LoadTask,
    ) -> Option<oneshot::Receiver<Entries>> {
        let core = Arc::clone(self);
        if !ledger::is_recording() {
            tokio::spawn(async move {
                let found = core.entry(key).await;
                core.finish_load(begun, found);
            });
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let loading = Arc::clone(self);
        let lane = Lane::of_task(async move { loading.entry(key).await });
        tokio::spawn(async move {
            let (found, entries) = lane.await;
            // Fails only if the caller was cancelled.
            let _ = sender.send(entries);
            core.finish_load(begun, found);
        });
        Some(receiver)
    }

    fn finish_load(&self, begun: LoadTask, found: Result<Found, StoreError>) {
        let outcome = found.map(|found| {
            Arc::new(Entry {
                value: found.value,
                begun: found.begun,
                checked: found.checked.into(),
            })
        });
        self.local.finish(begun, outcome);
    }

    /// Loads a value from the next layers.
    pub(super) async fn entry(self: &Arc<Self>, key: Key) -> Result<Found, StoreError> {
        let begun = Instant::now();
        let checked = self.changes.newest();
        let edits = self.behind.read();
        let mut value = match key {
            // Never shared: only this process knows which of its writes affect a feed.
            Key::Feed(user, limit) => self.feed(user, limit).await?,
            _ => self.find(&key).await?,
        };
        edits.apply(&mut value);
        Ok(Found {
            value,
            begun,
            checked,
        })
    }

    async fn feed(self: &Arc<Self>, user: UserId, limit: u32) -> Result<Value, StoreError> {
        let Value::Followees(of) = self.find(&Key::Followees(user)).await? else {
            return Ok(Value::Absent);
        };
        let known = (of.len() < FOLLOWEES_MAX as usize).then_some(of);
        let _permit = self.load_permit().await?;
        match self.store.feed(user, Page::new(None, limit)).await {
            Ok(posts) => Ok(Value::Feed(Shared::new(PostList::new(posts)), known)),
            Err(StoreError::NotFound) => Ok(Value::Absent),
            Err(error) => Err(error),
        }
    }

    /// Loads a value from the shared cache or the store.
    async fn find(self: &Arc<Self>, key: &Key) -> Result<Value, StoreError> {
        let shared = key.shared(&self.options.namespace);
        // The shared cache may be stale for keys with pending invalidations.
        if self.pending.covers(&shared) {
            return self.read_store(key).await;
        }
        let (mut waited, mut poll) = (Duration::ZERO, POLL_MIN);
        loop {
            match self.cache.get(&shared).await {
                Ok(Some(bytes)) => match Envelope::read(key, &bytes) {
                    Envelope::Value(value, ends) => {
                        self.counters.shared.hits.add(1);
                        self.refresh_shared(key, &shared, bytes, ends);
                        return Ok(value);
                    }
                    Envelope::Unknown => break,
                    Envelope::Loading => {}
                },
                Ok(None) => {
                    let lease = Envelope::loading(self.leases.next());
                    let ttl = self.options.lease;
                    match self.cache.set_if_absent(&shared, lease.clone(), ttl).await {
                        Ok(true) => return self.fill(key, &shared, &lease).await,
                        // Another process was faster.
                        Ok(false) => {}
                        Err(_) => {
                            self.counters.shared.errors.add(1);
                            break;
                        }
                    }
                }
                Err(_) => {
                    self.counters.shared.errors.add(1);
                    break;
                }
            }
            if waited.is_zero() {
                self.counters.lease_waits.add(1);
            }
            if waited >= self.options.lease_wait {
                self.counters.lease_timeouts.add(1);
                break;
            }
            {
                let _span = ledger::enter(Part::Lock);
                sleep(poll).await;
            }
            waited += poll;
            poll = (poll * 2).min(POLL_MAX);
        }
        self.counters.shared.misses.add(1);
        self.read_store(key).await
    }

    /// Loads a value under a lease, and sets it if the lease is still there.
    async fn fill(&self, key: &Key, shared: &[u8], lease: &[u8]) -> Result<Value, StoreError> {
        self.counters.shared.misses.add(1);
        let loaded = self.read_store(key).await;
        let sealed = loaded.as_ref().ok().and_then(|value| {
            let ttl = self.ttl(value);
            Some((Envelope::seal(value, ttl)?, ttl))
        });
        // A failed load releases the lease, so that the next need not wait for its expiry.
        let (bytes, ttl) = sealed.unwrap_or((Bytes::from_static(b"x"), Duration::ZERO));
        match self.cache.replace(shared, lease, bytes, ttl).await {
            Ok(true) if loaded.is_ok() => self.counters.shared.fills.add(1),
            Ok(_) => {}
            Err(_) => self.counters.shared.errors.add(1),
        }
        loaded
    }

    /// Returns the time to live of a value in the shared cache.
    pub(super) fn ttl(&self, value: &Value) -> Duration {
        match value {
            Value::Absent => self.options.absent_ttl,
            _ => self.options.shared_ttl,
        }
    }

    /// Under refresh-ahead, reloads a value that expires soon in the shared cache. `bytes` is its current
    /// encoding: it is only replaced if it is still there.
    fn refresh_shared(self: &Arc<Self>, key: &Key, shared: &Bytes, bytes: Bytes, ends: SystemTime) {
        let left = ends.duration_since(SystemTime::now()).unwrap_or_default();
        if self.options.policy != UpdatePolicy::RefreshAhead
            || left > self.options.shared_ttl / 4
            || ends == SystemTime::UNIX_EPOCH
        {
            return;
        }
        let Ok(permit) = Arc::clone(&self.refreshing).try_acquire_owned() else {
            return;
        };
        let (core, key) = (Arc::clone(self), *key);
        let mark = Bytes::from([&shared[..], b":refresh"].concat());
        let shared = shared.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let one = Bytes::from_static(b"1");
            // Only one process refreshes a key.
            let acquired = core.cache.set_if_absent(&mark, one, core.options.lease);
            if acquired.await != Ok(true) {
                return;
            }
            let Ok(value) = core.read_store(&key).await else {
                return;
            };
            let ttl = core.ttl(&value);
            if let Some(sealed) = Envelope::seal(&value, ttl)
                && core.cache.replace(&shared, &bytes, sealed, ttl).await == Ok(true)
            {
                core.counters.shared.refreshes.add(1);
            }
            // If this fails, the mark expires.
            let _ = core.cache.delete_many(&[mark]).await;
        });
    }

    /// Reads the value of a key from the store.
    async fn read_store(&self, key: &Key) -> Result<Value, StoreError> {
        let _permit = self.load_permit().await?;
        let store = &self.store;
        let read = match *key {
            Key::Post(id) => store.post(id).await.map(Shared::new).map(Value::Post),
            Key::User(id) => store.user(id).await.map(Shared::new).map(Value::User),
            Key::Photo(id) => store.photo(id).await.map(Arc::new).map(Value::Photo),
            // The expiry is checked on use.
            Key::Session(token) => store
                .session(&token, Timestamp(i64::MIN))
                .await
                .map(Value::Session),
            Key::Followees(id) => store
                .followees(id, FOLLOWEES_MAX)
                .await
                .map(|ids| Value::Followees(ids.into())),
            Key::Posts(id, limit) => store
                .posts_by(id, Page::new(None, limit))
                .await
                .map(|posts| Value::Posts(Shared::new(PostList::new(posts)))),
            Key::Feed(id, limit) => store
                .feed(id, Page::new(None, limit))
                .await
                .map(|posts| Value::Feed(Shared::new(PostList::new(posts)), None)),
        };
        match read {
            Err(StoreError::NotFound) => Ok(Value::Absent),
            other => other,
        }
    }

    /// Waits for a permit to read from the store.
    pub(super) async fn load_permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        if let Ok(permit) = self.loading.try_acquire() {
            self.counters.loads.add(1);
            return Ok(permit);
        }
        let rejected = |reason: &str| {
            self.counters.loads_refused.add(1);
            StoreError::Busy(reason.to_owned())
        };
        let waiting = self.load_waiting.try_acquire();
        let _waiting = waiting.map_err(|_| rejected("too many reads are queued"))?;
        let _span = ledger::enter(Part::Pool);
        match timeout(self.options.load_wait, self.loading.acquire()).await {
            Ok(Ok(permit)) => {
                self.counters.loads.add(1);
                Ok(permit)
            }
            _ => Err(rejected("a read timed out in the queue")),
        }
    }
}
