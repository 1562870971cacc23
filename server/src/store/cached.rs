//! Two-level cache in front of a store: a local layer in this process, and a layer shared by processes.
//!
//! # Guarantees
//! - After a write returns, no read in the same process returns the previous value.
//! - Reads in other processes may return it for [`CacheOptions::staleness`] more, the lifetime of values in
//!   their local layers.
//! - If the shared cache could not be invalidated, other processes may read the old value until it can, and
//!   for [`CacheOptions::shared_ttl`] at most.
//!
//! # Design
//! A value enters the shared cache under a lease. A reader that misses sets a unique token, loads from the
//! store, and replaces the token by the value, atomically and only if the token is still there. A write
//! deletes the key between its commit and its return. This also deletes the token of each load that may have
//! read the old value ("leases" in Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, section 3.2.1).
//! The token also lets one process load while the others wait. Within a process, invalidation detaches loads
//! in progress in the same manner (see `local_layer`).
//!
//! Each write updates the caches in a separate task, so that a client that disconnects leaves nothing stale
//! behind.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::changes::Changes;
use self::counters::Counters;
use self::entry::{Entry, Value};
use self::key::Key;
use self::lease_tokens::LeaseTokens;
use self::local_layer::LocalLayer;
use self::pending_invalidations::PendingInvalidations;
use self::write_behind::WriteBehind;
use super::{PostList, ReplicaStats, Shared, Store, StoreError, WriteStats};
use crate::cache::Cache;
use crate::data_set::{Content, Loaded};
use crate::ledger::{self, Part};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod changes;
mod counters;
mod direct_writes;
mod entry;
mod key;
mod lease_tokens;
mod loading;
mod local_layer;
mod options;
mod pages;
mod pending_invalidations;
mod write_behind;
mod writes;

pub use counters::{CacheStats, LayerStats};
pub use options::{CacheContent, CacheOptions, UpdatePolicy};

/// Maximum number of followees of a user whose feed is cached. The list that validates a feed would
/// otherwise be too long.
const FOLLOWEES_MAX: u32 = 1_000;
/// Maximum number of concurrent background refreshes of the shared cache.
const REFRESHES_MAX: usize = 16;

/// Store with a cache in front.
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

/// Shared state of a [`CachedStore`] and its tasks.
struct Core {
    store: Arc<dyn Store>,
    cache: Arc<dyn Cache>,
    options: CacheOptions,
    counters: Arc<Counters>,
    local: LocalLayer,
    changes: Changes,
    pending: PendingInvalidations,
    leases: LeaseTokens,
    behind: WriteBehind,
    loading: Semaphore,
    load_waiting: Semaphore,
    refreshing: Arc<Semaphore>,
    closed: AtomicBool,
}

impl CachedStore {
    /// Wraps a store. Spawns background tasks, so it needs a runtime.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, cache: Arc<dyn Cache>, options: CacheOptions) -> Self {
        let counters = Arc::<Counters>::default();
        let local = LocalLayer::new(
            options.memory_bytes,
            options.staleness,
            Arc::clone(&counters),
        );
        let core = Arc::new(Core {
            local,
            changes: Changes::default(),
            leases: LeaseTokens::new(),
            pending: PendingInvalidations::new(options.shared_ttl, options.settling),
            behind: WriteBehind::default(),
            loading: Semaphore::new(options.loads_max),
            load_waiting: Semaphore::new(2 * options.loads_max),
            refreshing: Arc::new(Semaphore::new(REFRESHES_MAX)),
            closed: AtomicBool::new(false),
            store,
            cache,
            options,
            counters,
        });
        pending_invalidations::retry_in_background(&core);
        if core.options.policy == UpdatePolicy::WriteBehind {
            write_behind::flush_in_background(&core);
        }
        Self { core }
    }

    /// Reads through the layers. Joins a load of the same key in progress.
    async fn read(&self, key: Key) -> Result<Arc<Entry>, StoreError> {
        let core = &self.core;
        core.open()?;
        let mut span = ledger::enter(Part::Cache);
        if let Some((entry, expires_soon)) = core.local.get(&key) {
            core.counters.local.hits.add(1);
            if expires_soon && core.options.policy == UpdatePolicy::RefreshAhead {
                self.refresh(key);
            }
            return Ok(entry);
        }
        core.counters.local.misses.add(1);
        let (mut waiter, begun) = core.local.load(key)?;
        let loading = if let Some(begun) = begun {
            span.change(Part::Sched);
            core.spawn_load(key, begun)
        } else {
            span.change(Part::Lock);
            core.counters.coalesced.add(1);
            None
        };
        let cancelled = || StoreError::Unavailable("a read was cancelled".to_owned());
        let outcome = waiter.wait_for(Option::is_some).await;
        let outcome = outcome.map_err(|_| cancelled())?;
        if let Some(entries) = loading.and_then(|mut loading| loading.try_recv().ok()) {
            ledger::absorb(Part::Sched, &entries);
        }
        outcome.clone().unwrap_or_else(|| Err(cancelled()))
    }

    /// Reloads a value that is about to expire, unless that is in progress.
    fn refresh(&self, key: Key) {
        if let Ok((_, Some(begun))) = self.core.local.load(key) {
            self.core.counters.local.refreshes.add(1);
            self.core.spawn_load(key, begun);
        }
    }

    /// Reads from the store, bypassing the cache.
    async fn bypass<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.core.open()?;
        let _permit = self.core.load_permit().await?;
        read.await
    }

    fn objects(&self) -> bool {
        self.core.options.content.objects()
    }
}

impl Core {
    fn open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            Err(StoreError::Unavailable("it is closed".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Store for CachedStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        writes::create_user(&self.core, new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.bypass(self.core.store.credentials(handle)).await
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
            return self.bypass(self.core.store.session(token, now)).await;
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
            let direct_writes = self.core.behind.direct.finished();
            let post = self.read_post(id).await?;
            return writes::update_post_behind(&self.core, author, post, direct_writes, edit).await;
        }
        writes::update_post(&self.core, author, id, edit).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        writes::delete_post(&self.core, author, id).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let posts = self.shared_posts_by(author, page).await?;
        Ok(Shared::into_value(posts).into_posts())
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        writes::follow(&self.core, follower, followee, Some(at)).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        writes::follow(&self.core, follower, followee, None).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.bypass(self.core.store.followees(user, limit)).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let posts = self.shared_feed(user, page).await?;
        Ok(Shared::into_value(posts).into_posts())
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        writes::put_photo(&self.core, author, photo).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        if !self.objects() {
            return self.bypass(self.core.store.photo(post)).await;
        }
        match &self.read(Key::Photo(post)).await?.value {
            Value::Photo(photo) => Ok(Photo::clone(photo)),
            _ => Err(StoreError::NotFound),
        }
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        let loaded = self.core.store.load(content).await;
        self.core.local.clear();
        loaded
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.core.open()?;
        self.core.store.ping().await
    }

    async fn close(&self) {
        if !self.core.closed.swap(true, Ordering::SeqCst) {
            write_behind::flush_before_close(&self.core).await;
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
            return self.bypass(self.core.store.shared_user(id)).await;
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
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        if let Some(cached) = self.page(page, |limit| Key::Posts(author, limit)).await {
            return cached;
        }
        let edits = self.core.behind.read();
        let mut posts = self.bypass(self.core.store.posts_by(author, page)).await?;
        edits.apply_to(&mut posts);
        Ok(Shared::new(PostList::new(posts)))
    }

    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        if let Some(cached) = self.page(page, |limit| Key::Feed(user, limit)).await {
            return cached;
        }
        let edits = self.core.behind.read();
        let mut posts = self.bypass(self.core.store.feed(user, page)).await?;
        edits.apply_to(&mut posts);
        Ok(Shared::new(PostList::new(posts)))
    }

    fn cache_stats(&self) -> Option<CacheStats> {
        let core = &self.core;
        Some(CacheStats {
            local_bytes: core.local.bytes(),
            pending_invalidations: core.pending.len(),
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
            let edits = self.core.behind.read();
            let mut post = self.bypass(self.core.store.post(id)).await?;
            edits.apply_to(std::slice::from_mut(&mut post));
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
