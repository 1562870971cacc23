//! Read-write splitting: writes go to a primary, reads to replicas known to lag little.
//!
//! # Replication lag
//! Every 100 ms a process writes a numbered heartbeat to the primary and records the time by its own clock. A
//! replica that shows a heartbeat shows everything committed before it was started. So the lag of a replica
//! is the age of this process's newest heartbeat on it, and no clocks need to agree. If an address stands for
//! several replicas, the worst recent response counts.
//!
//! # Guarantees
//! - A replica that is dead, unknown or lags more than [`SplitOptions::lag_max`] serves no reads.
//! - Writes of this process are read from the primary until the replica shows them.
//! - The same holds across processes while they share a working cache: each sets a marker there for its
//!   writes ("remote markers" in Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, section 4.2).
//!   Otherwise, a write of another process is visible after `lag_max` at the latest.
//! - Sessions and credentials are read from the primary only, so that a log-out takes effect at once. What
//!   a replica does not find is read from the primary.
//! - Feeds are read as the replica has them, so that another user's post appears at most `lag_max` late.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::recent::{Mark, Recent};
use self::replica::Replica;
use super::{Store, StoreError, WriteStats};
use crate::cache::Cache;
use crate::data_set::{Content, Loaded};
use crate::ledger;
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod recent;
mod replica;

pub use replica::ReplicaStats;

/// Number of recorded heartbeats: one minute's worth. A replica that lags more is not read anyway.
const BEATS_MAX: usize = 600;
/// Timeout of writing or reading a heartbeat.
const BEAT_TIMEOUT: Duration = Duration::from_secs(1);

/// Options of a [`SplitStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitOptions {
    /// Maximum lag of a replica that serves reads.
    pub lag_max: Duration,
    /// Interval between heartbeats, and between lag measurements of each replica.
    pub beat: Duration,
    /// Timeout of a read from a replica, after which the primary serves it.
    pub read_time: Duration,
    /// Maximum number of concurrent reads from the primary.
    pub primary_reads_max: usize,
    /// Prefix of the markers in the shared cache. Must differ between databases.
    pub namespace: String,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            lag_max: Duration::from_secs(1),
            beat: Duration::from_millis(100),
            read_time: Duration::from_millis(500),
            primary_reads_max: 256,
            namespace: "tenfold".to_owned(),
        }
    }
}

/// Primary for writes, with replicas for reads.
pub struct SplitStore {
    core: Arc<Core>,
}

impl fmt::Debug for SplitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SplitStore")
            .field("primary", &self.core.primary)
            .field("replicas", &self.core.replicas)
            .field("options", &self.core.options)
            .finish_non_exhaustive()
    }
}

struct Core {
    primary: Arc<dyn Store>,
    replicas: Vec<Replica>,
    cache: Option<Arc<dyn Cache>>,
    options: SplitOptions,
    /// Origin of this process's heartbeats.
    origin: i64,
    beats: Mutex<VecDeque<(i64, Instant)>>,
    recent: Recent,
    next: AtomicUsize,
    primary_reads: Semaphore,
    primary_read_count: AtomicU64,
    closed: AtomicBool,
}

impl SplitStore {
    /// Adds replicas to a primary. Processes share markers in `cache`. Spawns background tasks, so it needs a
    /// runtime.
    #[must_use]
    pub fn new(
        primary: Arc<dyn Store>,
        replicas: Vec<Arc<dyn Store>>,
        cache: Option<Arc<dyn Cache>>,
        options: SplitOptions,
    ) -> Self {
        let core = Arc::new(Core {
            replicas: replicas.into_iter().map(Replica::new).collect(),
            cache,
            origin: RandomState::new()
                .hash_one(std::process::id())
                .cast_signed(),
            beats: Mutex::default(),
            recent: Recent::new(options.lag_max),
            next: AtomicUsize::new(0),
            primary_reads: Semaphore::new(options.primary_reads_max),
            primary_read_count: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            primary,
            options,
        });
        every_beat(&core, |core| Box::pin(async move { core.beat().await }));
        for number in 0..core.replicas.len() {
            every_beat(&core, move |core| {
                Box::pin(async move { core.measure_lag(number).await })
            });
        }
        Self { core }
    }

    /// Reads from a replica that shows the marked writes, or else from the primary.
    async fn read<T, R>(
        &self,
        marks: &[Mark],
        read: impl Fn(Arc<dyn Store>) -> R + Send,
    ) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, StoreError>> + Send,
    {
        let core = &self.core;
        if let Some(replica) = core.choose(marks).await {
            match timeout(core.options.read_time, read(replica.store())).await {
                // The record may not be replicated yet.
                Ok(Err(StoreError::NotFound)) => {}
                Ok(Err(error @ StoreError::Invalid(_))) => return Err(error),
                Ok(Ok(found)) => {
                    replica.succeeded();
                    return Ok(found);
                }
                // It may respond to others.
                Ok(Err(StoreError::Busy(_))) => {}
                Ok(Err(_)) | Err(_) => replica.failed(),
            }
        }
        let permit = core.primary_reads.try_acquire();
        let _permit = permit.map_err(|_| {
            StoreError::Busy("too many concurrent reads from the primary".to_owned())
        })?;
        core.primary_read_count.fetch_add(1, Ordering::Relaxed);
        read(Arc::clone(&core.primary)).await
    }

    /// Writes to the primary, in a separate task, so that the markers are set even if the caller is cancelled.
    /// `marks` returns the markers, given the result.
    async fn write<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
        marks: impl FnOnce(Option<&T>) -> Vec<Mark> + Send + 'static,
    ) -> Result<T, StoreError> {
        let core = Arc::clone(&self.core);
        let task = ledger::task(async move {
            let written = write.await;
            // After `Unavailable`, the write may be stored.
            if matches!(written, Ok(_) | Err(StoreError::Unavailable(_))) {
                let marks = marks(written.as_ref().ok());
                core.mark(&marks).await;
            }
            written
        });
        task.await.unwrap_or_else(|error| {
            Err(StoreError::Unavailable(format!(
                "a write was cancelled: {error}"
            )))
        })
    }

    fn primary(&self) -> Arc<dyn Store> {
        Arc::clone(&self.core.primary)
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Spawns a task that runs at each heartbeat while the store is in use.
fn every_beat(core: &Arc<Core>, work: impl Fn(Arc<Core>) -> Work + Send + 'static) {
    let interval = core.options.beat;
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        while let Some(core) = core.upgrade() {
            if core.closed.load(Ordering::Relaxed) {
                return;
            }
            work(core).await;
            tokio::time::sleep(interval).await;
        }
    });
}

impl Core {
    /// Writes a heartbeat to the primary.
    async fn beat(&self) {
        let begun = Instant::now();
        let number = self.beats().back().map_or(1, |(number, _)| number + 1);
        let now = Timestamp::from(SystemTime::now());
        let beat = self.primary.beat(self.origin, number, now);
        // A failed heartbeat may still be stored. Its number is not reused, and its meaning is that of any
        // heartbeat started at this time.
        let _ = timeout(BEAT_TIMEOUT, beat).await;
        let mut beats = self.beats();
        if beats.len() == BEATS_MAX {
            beats.pop_front();
        }
        beats.push_back((number, begun));
    }

    /// Measures the lag of a replica by its newest heartbeat.
    async fn measure_lag(&self, number: usize) {
        let replica = &self.replicas[number];
        let started = Instant::now();
        let store = replica.store();
        let shown = match timeout(BEAT_TIMEOUT, store.newest_beat(self.origin)).await {
            Ok(Ok(Some(shown))) => {
                let beats = self.beats();
                let index = beats.binary_search_by_key(&shown, |(number, _)| *number);
                index.ok().map(|index| beats[index].1)
            }
            _ => None,
        };
        replica.measured(started, shown);
    }

    /// Chooses a replica that shows the marked writes, round-robin.
    async fn choose(&self, marks: &[Mark]) -> Option<&Replica> {
        let now = Instant::now();
        let written = self.recent.newest(marks, now);
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.replicas.len();
        let chosen = (0..count)
            .map(|step| &self.replicas[first.wrapping_add(step) % count])
            .find(|replica| {
                replica.shows(now).is_some_and(|shows| {
                    now.duration_since(shows) <= self.options.lag_max
                        && written.is_none_or(|written| shows > written)
                })
            })?;
        if let Some(cache) = &self.cache {
            let keys: Vec<Bytes> = marks.iter().map(|mark| self.shared(*mark)).collect();
            // Without a working cache, writes of other processes may be read late.
            if let Ok(found) = cache.get_many(&keys).await
                && found.iter().any(Option::is_some)
            {
                return None;
            }
        }
        Some(chosen)
    }

    /// Records writes, here and for other processes.
    async fn mark(&self, marks: &[Mark]) {
        self.recent.add(marks, Instant::now());
        if let Some(cache) = &self.cache {
            let one = Bytes::from_static(b"1");
            let pairs: Vec<(Bytes, Bytes)> = marks
                .iter()
                .map(|mark| (self.shared(*mark), one.clone()))
                .collect();
            // After this time, replicas in use show the write; the margin covers the duration of a read.
            let ttl = self.options.lag_max + self.options.read_time;
            if let Err(error) = cache.set_many(&pairs, ttl).await {
                tracing::debug!(%error, "could not mark writes for other processes");
            }
        }
    }

    fn shared(&self, mark: Mark) -> Bytes {
        mark.shared(&self.options.namespace)
    }

    fn beats(&self) -> MutexGuard<'_, VecDeque<(i64, Instant)>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for SplitStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        let primary = self.primary();
        let write = async move { primary.create_user(new).await };
        let marks = |user: Option<&User>| user.iter().map(|user| Mark::User(user.id)).collect();
        self.write(write, marks).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.core.primary.credentials(handle).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.read(&[Mark::User(id)], move |store| async move {
            store.user(id).await
        })
        .await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.core.primary.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.core.primary.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.core.primary.delete_session(token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        let (primary, author) = (self.primary(), new.author);
        let write = async move { primary.create_post(new).await };
        let marks = move |post: Option<&Post>| {
            let mut marks = vec![Mark::User(author), Mark::PostsOf(author)];
            marks.extend(post.map(|post| Mark::Post(post.id)));
            marks
        };
        self.write(write, marks).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.read(&[Mark::Post(id)], move |store| async move {
            store.post(id).await
        })
        .await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        let primary = self.primary();
        let write = async move { primary.update_post(author, id, edit).await };
        let marks = move |_: Option<&Post>| vec![Mark::Post(id), Mark::PostsOf(author)];
        self.write(write, marks).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        let primary = self.primary();
        let write = async move { primary.delete_post(author, id).await };
        let marks = move |_: Option<&Option<Photo>>| {
            vec![Mark::Post(id), Mark::PostsOf(author), Mark::User(author)]
        };
        self.write(write, marks).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.read(&[Mark::PostsOf(author)], move |store| async move {
            store.posts_by(author, page).await
        })
        .await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let primary = self.primary();
        let write = async move { primary.follow(follower, followee, at).await };
        self.write(write, move |_| Mark::of_follow(follower, followee))
            .await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        let primary = self.primary();
        let write = async move { primary.unfollow(follower, followee).await };
        self.write(write, move |_| Mark::of_follow(follower, followee))
            .await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.read(&[Mark::FollowedBy(user)], move |store| async move {
            store.followees(user, limit).await
        })
        .await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.read(&[Mark::FollowedBy(user)], move |store| async move {
            store.feed(user, page).await
        })
        .await
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        let wanted = ids.clone();
        let mut posts = self
            .read(&[], move |store| {
                let ids = wanted.clone();
                async move { store.posts_with(ids).await }
            })
            .await?;
        // Others may not be replicated yet.
        let is_found = |id: &PostId| posts.iter().any(|post| post.id == *id);
        let missing: Vec<PostId> = ids.into_iter().filter(|id| !is_found(id)).collect();
        if !missing.is_empty() {
            posts.extend(self.core.primary.posts_with(missing).await?);
        }
        Ok(posts)
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        self.read(&[], move |store| {
            let authors = authors.clone();
            async move { store.posts_by_any(authors, page).await }
        })
        .await
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        let primary = self.primary();
        let write = async move { primary.set_has_photo(post).await };
        self.write(write, move |_| vec![Mark::Post(post)]).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        let (primary, id) = (self.primary(), photo.post);
        let write = async move { primary.put_photo(author, photo).await };
        let marks = move |_: Option<&Option<Photo>>| vec![Mark::Post(id), Mark::PostsOf(author)];
        self.write(write, marks).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.read(&[Mark::Post(post)], move |store| async move {
            store.photo(post).await
        })
        .await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        let loaded = self.core.primary.load(content).await;
        // No replica may show the data set yet.
        self.core.recent.add_everything(Instant::now());
        loaded
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.core.primary.ping().await
    }

    async fn close(&self) {
        self.core.closed.store(true, Ordering::SeqCst);
        self.core.primary.close().await;
        for replica in &self.core.replicas {
            replica.failed();
            replica.store().close().await;
        }
    }

    fn write_stats(&self) -> WriteStats {
        self.core.primary.write_stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.core.primary.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.core.primary.newest_beat(origin).await
    }

    fn replica_stats(&self) -> Vec<ReplicaStats> {
        let core = &self.core;
        let replicas = core.replicas.iter();
        replicas
            .map(|replica| replica.stats(core.options.lag_max))
            .collect()
    }

    fn primary_reads(&self) -> u64 {
        self.core.primary_read_count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
