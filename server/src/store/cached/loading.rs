//! How a value is loaded that this process does not have: from the shared cache, or under a lease from the
//! store.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout};

use super::entry::{Entry, Envelope, Value};
use super::front::Begun;
use super::key::Key;
use super::{Core, FOLLOWEES_MAX, UpdatePolicy};
use crate::model::{Page, Timestamp, UserId};
use crate::store::{PostList, Shared, StoreError};

/// How long the first wait for another process is; the next ones are twice as long each.
const POLL: Duration = Duration::from_millis(2);

/// A value and what is known of when it was read.
pub(super) struct Found {
    pub(super) value: Value,
    begun: Instant,
    checked: u64,
}

impl Core {
    /// Carries out a load in a task of its own: those who wait may go away, one after the other.
    pub(super) fn carry_out(self: &Arc<Self>, key: Key, begun: Begun) {
        let core = Arc::clone(self);
        tokio::spawn(async move {
            let found = core.entry(key).await;
            let outcome = found.map(|found| {
                Arc::new(Entry {
                    value: found.value,
                    begun: found.begun,
                    checked: found.checked.into(),
                })
            });
            core.front.finish(begun, outcome);
        });
    }

    /// Finds a value behind the in-process layer.
    pub(super) async fn entry(self: &Arc<Self>, key: Key) -> Result<Found, StoreError> {
        let begun = Instant::now();
        let checked = self.changes.newest();
        let mut value = match key {
            // Never shared: whom it concerns that something was written only its own process can tell.
            Key::Feed(user, limit) => self.feed(user, limit).await?,
            _ => self.find(&key).await?,
        };
        self.behind.apply(&mut value);
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
        let _turn = self.turn().await?;
        match self.store.feed(user, Page::new(None, limit)).await {
            Ok(posts) => Ok(Value::Feed(Shared::new(PostList::new(posts)), known)),
            Err(StoreError::NotFound) => Ok(Value::Absent),
            Err(error) => Err(error),
        }
    }

    /// Finds a value in the shared cache or the store.
    async fn find(self: &Arc<Self>, key: &Key) -> Result<Value, StoreError> {
        let shared = key.shared(&self.options.namespace);
        // What the shared cache could not be told of, it may have wrong.
        if self.owed.covers(&shared) {
            return self.ask_store(key).await;
        }
        let (mut waited, mut poll) = (Duration::ZERO, POLL);
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
                        // Somebody was faster.
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
            sleep(poll).await;
            waited += poll;
            poll = (poll * 2).min(Duration::from_millis(20));
        }
        self.counters.shared.misses.add(1);
        self.ask_store(key).await
    }

    /// Loads a value under a lease, and puts it where the lease still is.
    async fn fill(&self, key: &Key, shared: &[u8], lease: &[u8]) -> Result<Value, StoreError> {
        self.counters.shared.misses.add(1);
        let loaded = self.ask_store(key).await;
        let sealed = loaded.as_ref().ok().and_then(|value| {
            let ttl = self.ttl(value);
            Some((Envelope::seal(value, ttl)?, ttl))
        });
        // A load that failed gives the lease back, so that the next need not wait for it to end.
        let (bytes, ttl) = sealed.unwrap_or((Bytes::from_static(b"x"), Duration::ZERO));
        match self.cache.replace(shared, lease, bytes, ttl).await {
            Ok(true) if loaded.is_ok() => self.counters.shared.fills.add(1),
            Ok(_) => {}
            Err(_) => self.counters.shared.errors.add(1),
        }
        loaded
    }

    /// How long the shared cache keeps a value.
    pub(super) fn ttl(&self, value: &Value) -> Duration {
        match value {
            Value::Absent => self.options.absent_ttl,
            _ => self.options.shared_ttl,
        }
    }

    /// Under refresh-ahead, loads anew what the shared cache is about to lose. `bytes` is what it holds:
    /// what was loaded goes where that still is.
    fn refresh_shared(self: &Arc<Self>, key: &Key, shared: &Bytes, bytes: Bytes, ends: SystemTime) {
        let left = ends.duration_since(SystemTime::now()).unwrap_or_default();
        if self.options.policy != UpdatePolicy::RefreshAhead
            || left > self.options.shared_ttl / 4
            || ends == SystemTime::UNIX_EPOCH
        {
            return;
        }
        let Ok(turn) = Arc::clone(&self.refreshing).try_acquire_owned() else {
            return;
        };
        let (core, key) = (Arc::clone(self), *key);
        let mark = Bytes::from([&shared[..], b":refresh"].concat());
        let shared = shared.clone();
        tokio::spawn(async move {
            let _turn = turn;
            let one = Bytes::from_static(b"1");
            // One over all processes.
            let mine = core.cache.set_if_absent(&mark, one, core.options.lease);
            if mine.await != Ok(true) {
                return;
            }
            let Ok(value) = core.ask_store(&key).await else {
                return;
            };
            let ttl = core.ttl(&value);
            if let Some(sealed) = Envelope::seal(&value, ttl)
                && core.cache.replace(&shared, &bytes, sealed, ttl).await == Ok(true)
            {
                core.counters.shared.refreshes.add(1);
            }
            // Where this fails, the mark ends by itself.
            let _ = core.cache.delete_many(&[mark]).await;
        });
    }

    /// Asks the store for what a key stands for.
    async fn ask_store(&self, key: &Key) -> Result<Value, StoreError> {
        let _turn = self.turn().await?;
        let store = &self.store;
        let read = match *key {
            Key::Post(id) => store.post(id).await.map(Shared::new).map(Value::Post),
            Key::User(id) => store.user(id).await.map(Shared::new).map(Value::User),
            Key::Photo(id) => store.photo(id).await.map(Arc::new).map(Value::Photo),
            // Whether it has ended is judged when it is used.
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

    /// Waits for the turn to ask the store.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        if let Ok(turn) = self.loading.try_acquire() {
            self.counters.loads.add(1);
            return Ok(turn);
        }
        let refused = |why: &str| {
            self.counters.loads_refused.add(1);
            StoreError::Unavailable(why.to_owned())
        };
        let waiting = self.load_waiting.try_acquire();
        let _waiting = waiting.map_err(|_| refused("too many reads wait for the store"))?;
        match timeout(self.options.load_wait, self.loading.acquire()).await {
            Ok(Ok(turn)) => {
                self.counters.loads.add(1);
                Ok(turn)
            }
            _ => Err(refused("the store did not get round to a read in time")),
        }
    }
}
