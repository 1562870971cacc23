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

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::behind::Behind;
use self::changes::Changes;
use self::counters::Counters;
use self::entry::{Entry, Value};
use self::front::Front;
use self::key::Key;
use self::leases::Leases;
use self::owed::Owed;
use super::{PostList, ReplicaStats, Shared, Store, StoreError, WriteStats};
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
mod loading;
mod options;
mod owed;
mod pages;
mod writes;

pub use counters::{CacheStats, LayerStats};
pub use options::{CacheContent, CacheOptions, UpdatePolicy};

/// Whose feeds are cached: of those who follow no more than this. For others the list that a feed's
/// validity is judged by would be too long.
const FOLLOWEES_MAX: u32 = 1_000;
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

impl Core {
    fn open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            Err(StoreError::Unavailable("it was closed".to_owned()))
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
        self.pass(self.core.store.followees(user, limit)).await
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
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        if let Some(cached) = self.page(page, |limit| Key::Posts(author, limit)).await {
            return cached;
        }
        let mut posts = self.pass(self.core.store.posts_by(author, page)).await?;
        self.core.behind.apply_to(&mut posts);
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
        let mut posts = self.pass(self.core.store.feed(user, page)).await?;
        self.core.behind.apply_to(&mut posts);
        Ok(Shared::new(PostList::new(posts)))
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
