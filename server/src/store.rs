//! The relational data, behind one trait with a backend for each database.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod cached;
#[cfg(test)]
pub(crate) mod contract;
mod memory;
#[cfg(feature = "mysql")]
mod mysql;
mod post_list;
mod resolver;
mod shared;
mod split;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod watched;
mod write_stats;

pub use cached::{CacheContent, CacheOptions, CacheStats, CachedStore, LayerStats, UpdatePolicy};
pub use memory::MemoryStore;
pub use post_list::PostList;
pub use resolver::{resolve, resolve_replica};
pub use shared::Shared;
pub use split::{ReplicaStats, SplitOptions, SplitStore};
pub use write_stats::{BATCH_SIZE_BOUNDS, WriteStats};

/// A relational store.
///
/// A write that was answered with `Ok` is durable: it survives the end of the process at any
/// moment and, where the backend is a database, the loss of power. A write that was answered with
/// an error other than [`StoreError::Unavailable`] was not stored; after `Unavailable` it may or
/// may not have been.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Adds a user. `Conflict` where the handle is taken.
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError>;

    /// Finds what is needed to check the password of the user with this handle.
    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError>;

    /// Finds a user.
    async fn user(&self, id: UserId) -> Result<User, StoreError>;

    /// Begins a session and forgets a few that have expired. `NotFound` where the user is unknown,
    /// `Conflict` where the token is in use.
    async fn create_session(&self, new: NewSession) -> Result<(), StoreError>;

    /// Finds whose session it is. `NotFound` where the token is unknown or has expired by `now`.
    async fn session(&self, token: &TokenDigest, now: Timestamp)
    -> Result<LiveSession, StoreError>;

    /// Ends a session. Ending one that does not exist is no error.
    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError>;

    /// Adds a post, whose number is higher than that of each earlier one. `NotFound` where the
    /// author is unknown.
    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError>;

    /// Finds a post.
    async fn post(&self, id: PostId) -> Result<Post, StoreError>;

    /// Changes a post. `Forbidden` where `author` did not write it.
    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError>;

    /// Deletes a post and returns the photo that went with it, so that its files can go too.
    /// `Forbidden` where `author` did not write it. The number is not used again.
    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError>;

    /// Lists the posts of a user, newest first. `NotFound` where the user is unknown.
    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError>;

    /// Makes one user follow another, and says whether they did not yet; doing so twice is the same as
    /// once. `NotFound` where either is unknown, `Invalid` where they are the same.
    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Makes one user follow another no longer, and says whether they did until now.
    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError>;

    /// Lists whom a user follows, by number, at most `limit` of them. Nobody for an unknown user.
    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Lists the posts of all whom a user follows, newest first. `NotFound` where the user is
    /// unknown.
    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError>;

    /// Gives a post its photo and returns the one it had before, so that its files can go.
    /// `NotFound` where the post is unknown, `Forbidden` where `author` did not write it.
    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError>;

    /// Finds the photo of a post.
    async fn photo(&self, post: PostId) -> Result<Photo, StoreError>;

    /// Loads a data set into an empty store, or finds it there already. A load that was cut short
    /// is begun again. `Conflict` where the store holds anything else.
    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError>;

    /// Checks that reads are answered.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes the writes that are queued and lets go of the database. Later calls are answered
    /// with `Unavailable`.
    async fn close(&self);

    /// What has been written so far.
    fn write_stats(&self) -> WriteStats;

    /// Writes down that `origin`, a number that a process draws for itself, has come to beat
    /// `number`, and forgets the beats of origins that have been silent for a day. A replica that shows
    /// a beat shows all that was written before it.
    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError>;

    /// Finds the newest beat of an origin that is visible here.
    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError>;

    /// As [`post`](Self::post), shared with other readers where the store keeps it in memory.
    async fn shared_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        self.post(id).await.map(Shared::new)
    }

    /// As [`user`](Self::user), shared with other readers where the store keeps it in memory.
    async fn shared_user(&self, id: UserId) -> Result<Arc<Shared<User>>, StoreError> {
        self.user(id).await.map(Shared::new)
    }

    /// As [`posts_by`](Self::posts_by), shared with other readers of the same page where the store
    /// keeps it in memory.
    async fn shared_posts_by(
        &self,
        author: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        let posts = self.posts_by(author, page).await?;
        Ok(Shared::new(PostList::new(posts)))
    }

    /// As [`feed`](Self::feed), shared with other readers of the same page where the store keeps it
    /// in memory.
    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        let posts = self.feed(user, page).await?;
        Ok(Shared::new(PostList::new(posts)))
    }

    /// What the cache in front of the store has done, where there is one.
    fn cache_stats(&self) -> Option<CacheStats> {
        None
    }

    /// How the replicas behind the store are doing, where there are any.
    fn replica_stats(&self) -> Vec<ReplicaStats> {
        Vec::new()
    }

    /// How many reads the primary was asked for where there are replicas.
    fn primary_reads(&self) -> u64 {
        0
    }
}

/// How long the beats of a silent origin are kept, in milliseconds.
const BEATS_KEPT_MS: i64 = 24 * 3_600 * 1_000;

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The thing asked for does not exist.
    #[error("not found")]
    NotFound,
    /// Something else is in the way: a handle that is taken, a store with other data.
    #[error("{0}")]
    Conflict(String),
    /// The thing belongs to somebody else.
    #[error("not the author's")]
    Forbidden,
    /// The input can not be stored by anyone.
    #[error("{0}")]
    Invalid(String),
    /// The disk or the database is full; nothing was stored.
    #[error("no room to store it: {0}")]
    Full(String),
    /// The store can not answer now: its queue is full, its connection lost, its time over.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A failure of the store itself.
    #[error("{0}")]
    Other(String),
}

/// The refusal to load a data set beside other data.
fn other_data(present: Option<&str>, wanted: &str) -> StoreError {
    StoreError::Conflict(format!(
        "could not load the data set ({wanted}): the store holds {}; \
         use an empty store or the same data set",
        present.map_or_else(
            || "data of its own".to_owned(),
            |present| format!("another ({present})")
        )
    ))
}

fn follows_themselves() -> StoreError {
    StoreError::Invalid("nobody follows themselves".to_owned())
}
