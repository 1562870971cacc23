//! Relational store: a trait with a backend for each database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::data_set::{Content, Loaded};
use crate::delays::{self, Hold};
use crate::model::{
    Credentials, InvalidInput, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post,
    PostEdit, PostId, Timestamp, TokenDigest, User, UserId,
};

mod cached;
#[cfg(test)]
pub(crate) mod contract;
mod delayed;
mod federated;
mod feed_table;
mod memory;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
pub mod old_posts;
mod outbox;
mod photo_table;
mod post_list;
mod resolver;
pub mod sharded;
mod shared;
mod split;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod watched;
mod write_stats;

pub use cached::{CacheContent, CacheOptions, CacheStats, CachedStore, LayerStats, UpdatePolicy};
pub(crate) use delayed::{DelayedStore, Origin};
pub use federated::{FederatedStore, reconcile};
pub use feed_table::{
    FeedContent, FeedEntry, FeedTable, Popularity, Repair, Rewritten, WrittenFeed,
};
pub use memory::MemoryStore;
#[cfg(all(test, feature = "mysql"))]
pub(crate) use mysql::tests::server as mariadb;
pub use outbox::{NotedPost, Outbox};
pub use photo_table::{MemoryPhotos, PhotoNote, PhotoTable};
pub use post_list::PostList;
pub use resolver::{
    Base, resolve, resolve_base, resolve_directory, resolve_old_posts, resolve_photos,
    resolve_replica, resolve_shard, resolve_sharded,
};
pub use shared::Shared;
pub use split::{ReplicaStats, SplitOptions, SplitStore};
pub use write_stats::{BATCH_SIZE_BOUNDS, WriteStats};

/// Relational store.
///
/// A write that returned `Ok` is durable: it survives a crash of the process and, with a database as the
/// backend, a power failure. A write that failed was not stored. The exception is
/// [`StoreError::Unavailable`], after which it may or may not be stored.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Creates a user. `Conflict` if the handle is taken.
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError>;

    /// Returns the password hash of the user with this handle.
    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError>;

    /// Returns a user.
    async fn user(&self, id: UserId) -> Result<User, StoreError>;

    /// Creates a session, and deletes a few expired ones. `NotFound` if the user is unknown, `Conflict` if
    /// the token is in use.
    async fn create_session(&self, new: NewSession) -> Result<(), StoreError>;

    /// Returns the session of a token. `NotFound` if the token is unknown or expired by `now`.
    async fn session(&self, token: &TokenDigest, now: Timestamp)
    -> Result<LiveSession, StoreError>;

    /// Deletes a session. Succeeds if it does not exist.
    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError>;

    /// Creates a post. Its identifier is higher than those of all earlier posts. `NotFound` if the author is
    /// unknown.
    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError>;

    /// Returns a post.
    async fn post(&self, id: PostId) -> Result<Post, StoreError>;

    /// Edits a post. `Forbidden` if `author` is not its author.
    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError>;

    /// Deletes a post and returns its photo, so that the caller can delete the files. `Forbidden` if
    /// `author` is not its author. The identifier is never reused.
    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError>;

    /// Returns posts of a user, newest first. `NotFound` if the user is unknown.
    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError>;

    /// Makes one user follow another. Returns true if this is new. `NotFound` if either is unknown, `Invalid`
    /// if they are the same.
    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Makes one user unfollow another. Returns true if they followed before.
    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError>;

    /// Returns the users that a user follows, by identifier, at most `limit`. Empty for an unknown user.
    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Returns posts of all followed users, newest first. `NotFound` if the user is unknown. `Incomplete`, with
    /// the other posts, if those of some authors can't be read.
    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError>;

    /// Marks a post as one with a photo, whose record is elsewhere. Idempotent. `NotFound` if the post is unknown.
    async fn set_has_photo(&self, _post: PostId) -> Result<(), StoreError> {
        Err(StoreError::Other(
            "this store has the records of its photos itself".to_owned(),
        ))
    }

    /// Sets the photo of a post and returns the previous one, so that the caller can delete its files. The
    /// photo that was uploaded last stays: `Conflict` if the present one is later, so that photos may be set
    /// in any order, and more than once. `NotFound` if the post is unknown, `Forbidden` if `author` is not its
    /// author.
    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError>;

    /// Returns the photo of a post.
    async fn photo(&self, post: PostId) -> Result<Photo, StoreError>;

    /// Loads a data set into an empty store, or reuses it if already loaded. Restarts an interrupted load.
    /// `Conflict` if the store contains other data.
    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError>;

    /// Checks that the store serves reads.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes queued writes and closes the database. Later calls fail with `Unavailable`.
    async fn close(&self);

    /// Returns statistics of writes.
    fn write_stats(&self) -> WriteStats;

    /// Records heartbeat `number` of `origin`, a random identifier of a process, and deletes the heartbeats of
    /// origins that were silent for a day. A replica that shows a heartbeat shows all earlier writes.
    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError>;

    /// Returns the newest visible heartbeat of an origin.
    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError>;

    /// Returns those of the posts that exist, in any order. `Incomplete`, with the others, if some can't be read.
    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        let mut posts = Vec::new();
        for id in ids {
            match self.post(id).await {
                Ok(post) => posts.push(post),
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(posts)
    }

    /// Returns the newest posts of several authors, newest first. Unknown authors have none. `Incomplete`, with the
    /// other posts, if those of some authors can't be read.
    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        let mut posts = Vec::new();
        for author in authors {
            match self.posts_by(author, page).await {
                Ok(theirs) => posts.extend(theirs),
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(newest(posts, page.limit()))
    }

    /// Counts the posts, followers and followed users of a user, and corrects the counters. Returns how many were
    /// wrong. `NotFound` if the user is unknown.
    async fn recount(&self, _user: UserId) -> Result<u64, StoreError> {
        Err(StoreError::Other("this store can't count again".to_owned()))
    }

    /// Like [`post`](Self::post), but shared with other readers if the store caches it.
    async fn shared_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        self.post(id).await.map(Shared::new)
    }

    /// Like [`user`](Self::user), but shared with other readers if the store caches it.
    async fn shared_user(&self, id: UserId) -> Result<Arc<Shared<User>>, StoreError> {
        self.user(id).await.map(Shared::new)
    }

    /// Like [`posts_by`](Self::posts_by), but shared with other readers of the same page if the store caches
    /// it.
    async fn shared_posts_by(
        &self,
        author: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        let posts = self.posts_by(author, page).await?;
        Ok(Shared::new(PostList::new(posts)))
    }

    /// Like [`feed`](Self::feed), but shared with other readers of the same page if the store caches it.
    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        let posts = self.feed(user, page).await?;
        Ok(Shared::new(PostList::new(posts)))
    }

    /// Returns statistics of the cache. `None` without one.
    fn cache_stats(&self) -> Option<CacheStats> {
        None
    }

    /// Returns the state of each replica. Empty without replicas.
    fn replica_stats(&self) -> Vec<ReplicaStats> {
        Vec::new()
    }

    /// Returns the number of reads served by the primary. 0 without replicas.
    fn primary_reads(&self) -> u64 {
        0
    }

    /// Holds what a call holds, for some time: a connection, a thread, the writer. For experiments that slow the store down. Returns the time for
    /// which it was held, without the wait for it. Holds nothing by default, and only waits.
    async fn hold(&self, _call: Held, time: Duration) -> Result<Duration, StoreError> {
        Ok(delays::wait(time).await)
    }

    /// Returns how [`hold`](Self::hold) holds.
    fn hold_of(&self, _call: Held) -> Hold {
        Hold::Before(delays::WAIT_MIN)
    }
}

/// Call whose resources are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Read of one record.
    Point,
    /// Read of a list.
    List,
    /// Write.
    Write,
}

/// Retention of the heartbeats of a silent origin, in milliseconds.
const BEAT_RETENTION_MS: i64 = 24 * 3_600 * 1_000;

/// Failure of a store call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The record does not exist.
    #[error("not found")]
    NotFound,
    /// The call conflicts with existing data: a taken handle, or another data set.
    #[error("{0}")]
    Conflict(String),
    /// The record belongs to another user.
    #[error("not the author's own")]
    Forbidden,
    /// The input is not valid for any backend.
    #[error("{0}")]
    Invalid(String),
    /// The disk or the database is full; nothing was stored.
    #[error("the store is full: {0}")]
    Full(String),
    /// This process already makes as many calls as it may, so this one was not made: nothing was stored. It says nothing of
    /// whether the store responds.
    #[error("too many calls of the store: {0}")]
    Busy(String),
    /// The store cannot respond now: lost connection, or timeout.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Some shards did not answer in time. These posts of a feed are from the others, newest first.
    #[error("the feed is incomplete: a shard did not answer in time")]
    Incomplete(Arc<Vec<Post>>),
    /// The bucket of the post is not served by this shard. Nothing was stored.
    #[error("the posts of this author are on another shard")]
    Moved,
    /// Internal failure of the store.
    #[error("{0}")]
    Other(String),
}

impl From<InvalidInput> for StoreError {
    fn from(InvalidInput(reason): InvalidInput) -> Self {
        Self::Invalid(reason)
    }
}

/// Error for loading a data set into a store with other data.
fn other_data(present: Option<&str>, wanted: &str) -> StoreError {
    StoreError::Conflict(format!(
        "could not load the data set ({wanted}): the store contains {}; \
         use an empty store or the same data set",
        present.map_or_else(
            || "other data".to_owned(),
            |present| format!("another one ({present})")
        )
    ))
}

/// Fails if the present photo is later than the one to set.
fn require_later(present: Option<&Photo>, photo: &Photo) -> Result<(), StoreError> {
    match present {
        Some(present) if present.is_later_than(photo) => Err(StoreError::Conflict(
            "the post has a later photo".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Returns the newest posts, newest first, each once.
pub(crate) fn newest(mut posts: Vec<Post>, limit: u32) -> Vec<Post> {
    posts.sort_unstable_by_key(|post| std::cmp::Reverse(post.id));
    posts.dedup_by_key(|post| post.id);
    posts.truncate(limit as usize);
    posts
}

fn follows_themselves() -> StoreError {
    StoreError::Invalid("users cannot follow themselves".to_owned())
}
