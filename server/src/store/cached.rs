//! A cache in front of a store: a layer in this process, a layer that processes share, and the store.
//!
//! # What is promised
//! - After a write was answered, no read in the same process is answered with what was before.
//! - In other processes it may be for [`CacheOptions::staleness`] more, which is how long the layer in a
//!   process keeps what it has read.
//! - Where the shared cache could not be told of a change, other processes may be served the old value
//!   until it can, and for [`CacheOptions::shared_ttl`] at most.
//!
//! # How
//! A value gets into the shared cache by a lease: whoever finds nothing puts a token of its own there,
//! loads from the store, and replaces the token by the value, in one step and only where the token still
//! is. A write deletes the key after the store has it and before it is answered, and so the token of
//! each load that may have seen what was before ("leases" in Nishtala et al., Scaling Memcache at
//! Facebook, NSDI 2013, section 3.2.1). The same token lets one process load while the others wait. In a
//! process, forgetting a key detaches the loads under way in the same manner (see `front`).
//!
//! A write's change of the caches is carried out by a task of its own: that a client has gone leaves
//! nothing stale behind.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use self::behind::Behind;
use self::changes::{Change, Changes};
use self::counters::Counters;
use self::entry::{Entry, Envelope, Value};
use self::front::{Begun, Front};
use self::key::{Key, PAGES};
use self::leases::Leases;
use self::owed::Owed;
use super::{ReplicaStats, Shared, Store, StoreError, WriteStats};
use crate::cache::Cache;
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod behind;
mod changes;
mod counters;
mod entry;
mod front;
mod key;
mod leases;
mod options;
mod owed;
mod writes;

pub use counters::{CacheStats, LayerStats};
pub use options::{CacheContent, CacheOptions, UpdatePolicy};

/// Whose feeds are cached: of those who follow no more than this. For others the list that a feed's
/// validity is judged by would be too long.
const FOLLOWEES_MAX: u32 = 1_000;
/// How long the first wait for another process is; the next ones are twice as long each.
const POLL: Duration = Duration::from_millis(2);
/// The most background refreshes of the shared cache at once.
const REFRESHES_MAX: usize = 16;

/// A store with a cache in front of it.
pub struct CachedStore {
    core: Arc<Core>,
}

impl fmt::Debug for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore")
            .field("store", &self.core.store)
            .field("cache", &self.core.cache)
            .field("options", &self.core.options)
            .finish_non_exhaustive()
    }
}

/// What the tasks of a [`CachedStore`] share.
struct Core {
    store: Arc<dyn Store>,
    cache: Arc<dyn Cache>,
    options: CacheOptions,
    counters: Arc<Counters>,
    front: Front,
    changes: Changes,
    owed: Owed,
    leases: Leases,
    behind: Behind,
    loading: Semaphore,
    load_waiting: Semaphore,
    refreshing: Arc<Semaphore>,
    closed: AtomicBool,
}

impl CachedStore {
    /// Puts a cache in front of a store. Needs a runtime, since it works in the background too.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, cache: Arc<dyn Cache>, options: CacheOptions) -> Self {
        let counters = Arc::<Counters>::default();
        let front = Front::new(
            options.memory_bytes,
            options.staleness,
            Arc::clone(&counters),
        );
        let core = Arc::new(Core {
            front,
            changes: Changes::default(),
            leases: Leases::new(),
            owed: Owed::new(options.shared_ttl, options.settling),
            behind: Behind::default(),
            loading: Semaphore::new(options.loads_max),
            load_waiting: Semaphore::new(2 * options.loads_max),
            refreshing: Arc::new(Semaphore::new(REFRESHES_MAX)),
            closed: AtomicBool::new(false),
            store,
            cache,
            options,
            counters,
        });
        owed::pay_in_background(&core);
        if core.options.policy == UpdatePolicy::WriteBehind {
            behind::flush_in_background(&core);
        }
        Self { core }
    }

    /// Reads through the layers; joins the same read where it is under way.
    async fn read(&self, key: Key) -> Result<Arc<Entry>, StoreError> {
        let core = &self.core;
        core.open()?;
        if let Some((entry, ages)) = core.front.get(&key) {
            core.counters.local.hits.add(1);
            if ages && core.options.policy == UpdatePolicy::RefreshAhead {
                self.refresh(key);
            }
            return Ok(entry);
        }
        core.counters.local.misses.add(1);
        let (mut waiter, begun) = core.front.load(key)?;
        match begun {
            Some(begun) => core.carry_out(key, begun),
            None => core.counters.coalesced.add(1),
        }
        let cut_short = || StoreError::Unavailable("a read was cut short".to_owned());
        let outcome = waiter.wait_for(Option::is_some).await;
        let outcome = outcome.map_err(|_| cut_short())?;
        outcome.clone().unwrap_or_else(|| Err(cut_short()))
    }

    /// Loads anew what is about to expire, unless that is under way.
    fn refresh(&self, key: Key) {
        if let Ok((_, Some(begun))) = self.core.front.load(key) {
            self.core.counters.local.refreshes.add(1);
            self.core.carry_out(key, begun);
        }
    }

    /// The first page of a list, of at least `limit` posts where there are so many.
    async fn page(
        &self,
        page: Page,
        key: impl Fn(u32) -> Key,
    ) -> Option<Result<Arc<Shared<Vec<Post>>>, StoreError>> {
        let limit = page.limit();
        let rounded = PAGES.into_iter().find(|rounded| limit <= *rounded)?;
        if !self.core.options.content.queries() || page.before().is_some() {
            return None;
        }
        let key = key(rounded);
        let posts = match self.read_valid(key).await {
            Ok(Value::Posts(posts) | Value::Feed(posts, _)) => posts,
            Ok(_) => return Some(Err(StoreError::NotFound)),
            Err(error) => return Some(Err(error)),
        };
        // A page that was not full at a higher limit is the same page at this one, but its body would
        // say otherwise where it is full at this one.
        if rounded == limit {
            return Some(Ok(posts));
        }
        Some(Ok(Shared::new(
            posts.iter().take(limit as usize).cloned().collect(),
        )))
    }

    /// Reads, and reads again where it is a feed in which something has changed.
    async fn read_valid(&self, key: Key) -> Result<Value, StoreError> {
        let asked = self.core.changes.newest();
        // The second time it is seldom one from before this read began.
        for _ in 0..4 {
            let entry = self.read(key).await?;
            let (Value::Feed(_, of), Key::Feed(user, _)) = (&entry.value, &key) else {
                return Ok(entry.value.clone());
            };
            let checked = entry.checked.load(Ordering::Relaxed);
            // What changed while this read was under way need not be in it.
            if checked >= asked {
                return Ok(entry.value.clone());
            }
            let concerns = |change| match (change, of) {
                (Change::FollowedBy(follower), _) => follower == *user,
                (Change::PostOf(author), Some(of)) => of.binary_search(&author).is_ok(),
                (Change::PostOf(_), None) => true,
            };
            if let Some(newest) = self.core.changes.none_since(checked, concerns) {
                entry.checked.fetch_max(newest, Ordering::Relaxed);
                return Ok(entry.value.clone());
            }
            self.core.front.forget_entry(&key, &entry);
        }
        let entry = self.core.entry(key).await?;
        Ok(entry.value)
    }

    /// Reads from the store what is not cached.
    async fn pass<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.core.open()?;
        let _turn = self.core.turn().await?;
        read.await
    }

    fn objects(&self) -> bool {
        self.core.options.content.objects()
    }
}

/// A value and what is known of when it was read.
struct Found {
    value: Value,
    begun: Instant,
    checked: u64,
}

impl Core {
    fn open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            Err(StoreError::Unavailable("it was closed".to_owned()))
        } else {
            Ok(())
        }
    }

    /// Carries out a load in a task of its own: those who wait may go away, one after the other.
    fn carry_out(self: &Arc<Self>, key: Key, begun: Begun) {
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
    async fn entry(self: &Arc<Self>, key: Key) -> Result<Found, StoreError> {
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
            Ok(posts) => Ok(Value::Feed(Shared::new(posts), known)),
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
    fn ttl(&self, value: &Value) -> Duration {
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
                .map(Shared::new)
                .map(Value::Posts),
            Key::Feed(id, limit) => store
                .feed(id, Page::new(None, limit))
                .await
                .map(|posts| Value::Feed(Shared::new(posts), None)),
        };
        match read {
            Err(StoreError::NotFound) => Ok(Value::Absent),
            other => other,
        }
    }

    /// Waits for the turn to ask the store.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
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

#[async_trait]
impl Store for CachedStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        writes::create_user(&self.core, new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.pass(self.core.store.credentials(handle)).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.shared_user(id).await.map(Shared::into_value)
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        writes::create_session(&self.core, new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        if !self.objects() {
            return self.pass(self.core.store.session(token, now)).await;
        }
        match self.read(Key::Session(*token)).await?.value {
            Value::Session(session) if session.expires_at > now => Ok(session),
            _ => Err(StoreError::NotFound),
        }
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        writes::delete_session(&self.core, *token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        writes::create_post(&self.core, new).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.shared_post(id).await.map(Shared::into_value)
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        if self.core.options.policy == UpdatePolicy::WriteBehind {
            let post = self.read_post(id).await?;
            return writes::update_post_behind(&self.core, author, post, edit).await;
        }
        writes::update_post(&self.core, author, id, edit).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        writes::delete_post(&self.core, author, id).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.shared_posts_by(author, page)
            .await
            .map(Shared::into_value)
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        writes::follow(&self.core, follower, followee, Some(at)).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<(), StoreError> {
        writes::follow(&self.core, follower, followee, None).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.pass(self.core.store.followees(user, limit)).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.shared_feed(user, page).await.map(Shared::into_value)
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        writes::put_photo(&self.core, author, photo).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        if !self.objects() {
            return self.pass(self.core.store.photo(post)).await;
        }
        match &self.read(Key::Photo(post)).await?.value {
            Value::Photo(photo) => Ok(Photo::clone(photo)),
            _ => Err(StoreError::NotFound),
        }
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        let loaded = self.core.store.load(content).await;
        self.core.front.forget_all();
        loaded
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.core.open()?;
        self.core.store.ping().await
    }

    async fn close(&self) {
        if !self.core.closed.swap(true, Ordering::SeqCst) {
            behind::flush_at_the_end(&self.core).await;
        }
        self.core.store.close().await;
    }

    fn write_stats(&self) -> WriteStats {
        self.core.store.write_stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.core.store.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.core.store.newest_beat(origin).await
    }

    async fn shared_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        self.read_post(id).await
    }

    async fn shared_user(&self, id: UserId) -> Result<Arc<Shared<User>>, StoreError> {
        if !self.objects() {
            return self.pass(self.core.store.shared_user(id)).await;
        }
        match &self.read(Key::User(id)).await?.value {
            Value::User(user) => Ok(Arc::clone(user)),
            _ => Err(StoreError::NotFound),
        }
    }

    async fn shared_posts_by(
        &self,
        author: UserId,
        page: Page,
    ) -> Result<Arc<Shared<Vec<Post>>>, StoreError> {
        if let Some(cached) = self.page(page, |limit| Key::Posts(author, limit)).await {
            return cached;
        }
        let mut posts = self.pass(self.core.store.posts_by(author, page)).await?;
        self.core.behind.apply_to(&mut posts);
        Ok(Shared::new(posts))
    }

    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<Vec<Post>>>, StoreError> {
        if let Some(cached) = self.page(page, |limit| Key::Feed(user, limit)).await {
            return cached;
        }
        let mut posts = self.pass(self.core.store.feed(user, page)).await?;
        self.core.behind.apply_to(&mut posts);
        Ok(Shared::new(posts))
    }

    fn cache_stats(&self) -> Option<CacheStats> {
        let core = &self.core;
        Some(CacheStats {
            local_bytes: core.front.bytes(),
            owed: core.owed.len(),
            behind_queued: core.behind.len(),
            ..core.counters.stats()
        })
    }

    fn replica_stats(&self) -> Vec<ReplicaStats> {
        self.core.store.replica_stats()
    }

    fn primary_reads(&self) -> u64 {
        self.core.store.primary_reads()
    }
}

impl CachedStore {
    async fn read_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        if !self.objects() {
            let mut post = self.pass(self.core.store.post(id)).await?;
            self.core.behind.apply_to(std::slice::from_mut(&mut post));
            return Ok(Shared::new(post));
        }
        match &self.read(Key::Post(id)).await?.value {
            Value::Post(post) => Ok(Arc::clone(post)),
            _ => Err(StoreError::NotFound),
        }
    }
}

#[cfg(test)]
mod tests;
