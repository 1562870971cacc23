//! Written feeds: the tables beside users and follows that contain them.

use async_trait::async_trait;

use super::{Store, StoreError};
use crate::model::{PostId, Timestamp, UserId};

/// Floor of a stale feed: it contains no post that it must.
pub(super) const STALE: PostId = PostId(i64::MAX);
/// Age up to which a finished repair is remembered, in milliseconds.
pub(super) const REPAIR_RETENTION_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// Database of users and follows that also has written feeds.
///
/// A feed is a list of posts, without their contents. It may have too many: of users who are no longer followed, and
/// of posts that were deleted. Reads leave them out. From its floor on, it lacks none but those that were not
/// [appended](Self::append_to_feeds) yet. A new follow makes the feed stale, in the same transaction.
#[async_trait]
pub trait FeedTable: Store {
    /// Returns posts of a feed before an identifier, newest first, at most `limit`, without those of users who are
    /// not followed.
    async fn written_feed(
        &self,
        user: UserId,
        before: PostId,
        limit: u32,
    ) -> Result<WrittenFeed, StoreError>;

    /// Begins to write a feed. It is stale at first, but posts are appended to it from now on. Returns its version.
    /// `NotFound` if the user is unknown.
    async fn open_feed(&self, user: UserId) -> Result<i64, StoreError>;

    /// Adds posts to a feed, which is complete from the floor of the content on. Removes older ones, and those of
    /// users who are not followed. `None`, and does nothing, if the feed has another version by now; it gets the next
    /// one.
    async fn write_feed(
        &self,
        user: UserId,
        version: i64,
        content: FeedContent,
    ) -> Result<Option<Rewritten>, StoreError>;

    /// Adds a post to the feeds of its author's next followers, by identifier, above `after`, at most `limit`.
    /// Only to feeds that are written. Returns the last of these followers. `None` if there are no more.
    async fn append_to_feeds(
        &self,
        entry: FeedEntry,
        after: UserId,
        limit: u32,
    ) -> Result<Option<UserId>, StoreError>;

    /// Makes the feeds of the next followers of an author stale. Otherwise as
    /// [`append_to_feeds`](Self::append_to_feeds).
    async fn spoil_feeds(
        &self,
        author: UserId,
        after: UserId,
        limit: u32,
    ) -> Result<Option<UserId>, StoreError>;

    /// Makes all feeds stale.
    async fn spoil_all_feeds(&self) -> Result<(), StoreError>;

    /// Returns whether an author is popular. `None` if posts are written to the feeds of all followers.
    async fn popularity(&self, author: UserId) -> Result<Option<Popularity>, StoreError>;

    /// Takes a step: none to popular, popular to leaving, or leaving to none. Does nothing in another state.
    async fn change_popularity(
        &self,
        author: UserId,
        to: Option<Popularity>,
    ) -> Result<(), StoreError>;

    /// Returns the popular authors that a user follows.
    async fn popular_followees(
        &self,
        user: UserId,
    ) -> Result<Vec<(UserId, Popularity)>, StoreError>;

    /// Returns popular authors by identifier, above `after`, at most `limit`.
    async fn popular_authors(&self, after: UserId, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Returns users by identifier, above `after`, at most `limit`.
    async fn users_after(&self, after: UserId, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Notes that a repair began. Does nothing if one began at the same time. Forgets those of a week ago.
    async fn begin_repair(&self, started_at: Timestamp) -> Result<(), StoreError>;

    /// Returns the repair that began at this time, or the latest one.
    async fn repair(&self, started_at: Option<Timestamp>) -> Result<Option<Repair>, StoreError>;

    /// Stores the progress of a repair. Returns false, and does nothing, if its next user is not `from` any more.
    async fn advance_repair(&self, from: UserId, repair: Repair) -> Result<bool, StoreError>;
}

/// A written feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrittenFeed {
    /// It is not written, or no longer complete.
    Stale {
        /// Its version. 0 if it was never written.
        version: i64,
    },
    /// It is complete.
    Complete {
        /// Identifier from which on it has all posts.
        floor: PostId,
        /// Posts, newest first.
        entries: Vec<FeedEntry>,
    },
}

/// A post in a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedEntry {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
}

/// Content of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedContent {
    /// Posts that should be there, in any order. Those that were missing are counted.
    pub settled: Vec<FeedEntry>,
    /// Posts so new that they may be missing.
    pub fresh: Vec<FeedEntry>,
    /// Identifier from which on these are all.
    pub floor: PostId,
}

/// Changes made to a feed by writing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Settled posts that were missing.
    pub added: u64,
    /// Posts of users who are not followed.
    pub removed: u64,
}

/// State of an author whose posts are not written to feeds, but read with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popularity {
    /// Posts are read with each feed.
    Popular,
    /// Posts are read with each feed, and new ones are written to feeds as well.
    Leaving,
}

/// A run of the job that checks feeds and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Repair {
    /// Start. No two runs have the same.
    pub started_at: Timestamp,
    /// Users up to this one were checked.
    pub checked_to: UserId,
    /// End. `None` if it is not over.
    pub ended_at: Option<Timestamp>,
    /// Number of checked users.
    pub users: u64,
    /// Number of wrong counters.
    pub counters: u64,
    /// Number of posts that were missing in feeds.
    pub added: u64,
    /// Number of posts in feeds of users who did not follow their authors.
    pub removed: u64,
}

impl Repair {
    /// Returns a run that has not checked any user.
    #[must_use]
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            checked_to: UserId(0),
            ended_at: None,
            users: 0,
            counters: 0,
            added: 0,
            removed: 0,
        }
    }
}
