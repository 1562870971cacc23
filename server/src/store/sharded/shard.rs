//! The databases of a sharded store, as traits: one with users and follows, and several with posts.

use std::sync::Arc;

use async_trait::async_trait;

use super::bucket::Bucket;
use crate::data_set::{Content, Loaded};
use crate::model::{NewPost, Photo, Post, PostEdit, PostId, User, UserId};
use crate::store::{FeedTable, Outbox, StoreError};

/// Database of users, follows and sessions. It also has the shard map, and the authors of posts from before the
/// split.
#[async_trait]
pub trait Directory: FeedTable {
    /// Returns the stored shard map. `None` if there is none yet.
    async fn shard_map(&self) -> Result<Option<String>, StoreError>;

    /// Replaces version `version` of the shard map (0: none) by the next one. Returns false if another process was
    /// faster.
    async fn replace_shard_map(&self, version: u64, map: &str) -> Result<bool, StoreError>;

    /// Returns the authors of posts from before the split, from one identifier to another, exclusively.
    async fn post_authors(
        &self,
        from: PostId,
        until: PostId,
    ) -> Result<Vec<(PostId, UserId)>, StoreError>;

    /// Loads the users, the follows and the authors of the posts of a data set, like [`Store::load`](crate::store::Store::load).
    async fn load_users(&self, content: Arc<Content>) -> Result<Loaded, StoreError>;
}

/// Database of posts and their photos. It has a copy of each author's handle.
///
/// It knows which buckets it holds. Each write locks its bucket and fails with [`StoreError::Moved`] unless the
/// shard serves it, so that a process with an old shard map can't write to the wrong place. The reads of `Store`
/// do not check: ask [`Shard::served`] before and after them.
#[async_trait]
pub trait Shard: Outbox {
    /// Creates the schema if it is missing, and takes the buckets that it does not know yet.
    async fn prepare(&self, own: &[Bucket]) -> Result<(), StoreError>;

    /// Creates a post with at least the proposed identifier.
    async fn create_post_in(
        &self,
        bucket: Bucket,
        proposed: PostId,
        new: NewPost,
        handle: &str,
    ) -> Result<Post, StoreError>;

    /// Edits a post, as [`Store::update_post`](crate::store::Store::update_post) does.
    async fn update_post_in(
        &self,
        bucket: Bucket,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError>;

    /// Deletes a post, as [`Store::delete_post`](crate::store::Store::delete_post) does.
    async fn delete_post_in(
        &self,
        bucket: Bucket,
        author: UserId,
        id: PostId,
    ) -> Result<Option<Photo>, StoreError>;

    /// Sets the photo of a post, as [`Store::put_photo`](crate::store::Store::put_photo) does.
    async fn put_photo_in(
        &self,
        bucket: Bucket,
        author: UserId,
        photo: Photo,
    ) -> Result<Option<Photo>, StoreError>;

    /// Marks a post as one with a photo, as [`Store::set_has_photo`](crate::store::Store::set_has_photo) does.
    async fn set_has_photo_in(&self, bucket: Bucket, post: PostId) -> Result<(), StoreError>;

    /// Returns those of the buckets that it serves, in order, each with its token. A read between two equal answers
    /// is up to date: a bucket that left and came back has another token.
    async fn served(&self, buckets: &[Bucket]) -> Result<Vec<(Bucket, i64)>, StoreError>;

    /// Loads the posts of a data set whose buckets are given, like [`Store::load`](crate::store::Store::load).
    async fn load_posts(
        &self,
        content: Arc<Content>,
        buckets: Vec<Bucket>,
    ) -> Result<Loaded, StoreError>;

    /// Returns the state of a bucket on this shard. `None` if the shard does not have the bucket.
    async fn holding(&self, bucket: Bucket) -> Result<Option<Holding>, StoreError>;

    /// Takes over the move of a bucket that is not served as usual: from now on, only calls with this token change
    /// it.
    async fn take_over(&self, bucket: Bucket, token: i64) -> Result<(), StoreError>;

    /// Changes the state of a bucket. Returns false, and does nothing, if it is in another state, or another mover
    /// took over. A bucket that becomes [`HoldingState::Followed`] records its changes from now on.
    async fn advance(&self, bucket: Bucket, step: Advance, token: i64) -> Result<bool, StoreError>;

    /// Removes posts of a bucket that is frozen or being filled with this token, at most `limit`. Returns false once
    /// it has none, or if it is in another state.
    async fn remove_some(&self, bucket: Bucket, token: i64, limit: u32)
    -> Result<bool, StoreError>;

    /// Returns authors of a bucket by identifier, above `after`, at most `limit`.
    async fn authors_in(
        &self,
        bucket: Bucket,
        after: UserId,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError>;

    /// Returns recorded changes of a bucket in order, above number `after`, at most `limit`.
    async fn changes(
        &self,
        bucket: Bucket,
        after: i64,
        limit: u32,
    ) -> Result<Vec<PostChange>, StoreError>;

    /// Stores copies of posts of one author, and removes others, if the bucket is being filled with this token. Also
    /// sets the author's number of posts. `Conflict` if it is not.
    async fn import(
        &self,
        bucket: Bucket,
        token: i64,
        author: User,
        posts: Vec<PostCopy>,
        removed: Vec<PostId>,
    ) -> Result<(), StoreError>;
}

/// State of a bucket on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingState {
    /// Served.
    Owned,
    /// Served, and each change is recorded for the shard that it moves to.
    Followed,
    /// No longer served: the new shard gets the last changes.
    Frozen,
    /// Not served yet: posts are being copied.
    Filling,
    /// Not served yet: all posts are there, and changes follow.
    Copied,
}

impl HoldingState {
    /// All states, in the order of their numbers in a database.
    const ALL: [Self; 5] = [
        Self::Owned,
        Self::Followed,
        Self::Frozen,
        Self::Filling,
        Self::Copied,
    ];

    /// Returns the number in a database.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the state with this number.
    ///
    /// # Errors
    /// `Other` if there is none.
    pub fn of_number(number: u8) -> Result<Self, StoreError> {
        let state = Self::ALL.get(usize::from(number)).copied();
        state.ok_or_else(|| StoreError::Other(format!("no bucket has the state {number}")))
    }

    /// Returns true if the shard serves the bucket.
    #[must_use]
    pub fn is_served(self) -> bool {
        matches!(self, Self::Owned | Self::Followed)
    }
}

/// What a shard knows about a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Its state.
    pub state: HoldingState,
    /// Token of the mover. 0 if it never moved.
    pub token: i64,
    /// Highest identifier that a post of the bucket got. 0 if there was none.
    pub last_post: PostId,
}

/// A step of a bucket from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// From owned to followed, without earlier records of changes.
    Follow,
    /// From followed to frozen.
    Freeze,
    /// From absent, filling or copied to filling, without any posts.
    Fill,
    /// From filling to copied.
    Copied,
    /// From copied to owned. Later posts get identifiers above this one.
    Own(PostId),
    /// From frozen to absent, without any posts.
    Clean,
}

impl Holding {
    /// Returns true if the mover with this token may remove posts bit by bit.
    #[must_use]
    pub fn may_be_emptied_by(self, token: i64) -> bool {
        matches!(self.state, HoldingState::Frozen | HoldingState::Filling) && self.token == token
    }

    /// Returns true if the mover with this token is filling the bucket.
    #[must_use]
    pub fn is_filled_by(self, token: i64) -> bool {
        matches!(self.state, HoldingState::Filling | HoldingState::Copied) && self.token == token
    }
}

impl Advance {
    /// Returns true if a bucket can take this step, given what the shard knows about it.
    #[must_use]
    pub fn is_due(self, found: Option<Holding>, token: i64) -> bool {
        let mine = |state| found.is_some_and(|found| found.state == state && found.token == token);
        match self {
            Self::Follow => found.is_some_and(|found| found.state == HoldingState::Owned),
            Self::Freeze => mine(HoldingState::Followed),
            Self::Fill => found.is_none_or(|found| found.is_filled_by(token)),
            Self::Copied => mine(HoldingState::Filling),
            Self::Own(_) => mine(HoldingState::Copied),
            Self::Clean => mine(HoldingState::Frozen),
        }
    }

    /// Returns true if it removes the posts of the bucket, and forgets the bucket.
    #[must_use]
    pub fn removes_posts(self) -> bool {
        matches!(self, Self::Fill | Self::Clean)
    }

    /// Returns true if it removes the records of changes.
    #[must_use]
    pub fn removes_changes(self) -> bool {
        matches!(self, Self::Follow | Self::Own(_) | Self::Clean)
    }

    /// Returns the state after it, and the least value of the highest identifier. `None` if the bucket is gone.
    #[must_use]
    pub fn result(self) -> Option<(HoldingState, PostId)> {
        match self {
            Self::Follow => Some((HoldingState::Followed, PostId(0))),
            Self::Freeze => Some((HoldingState::Frozen, PostId(0))),
            Self::Fill => Some((HoldingState::Filling, PostId(0))),
            Self::Copied => Some((HoldingState::Copied, PostId(0))),
            Self::Own(last_post) => Some((HoldingState::Owned, last_post)),
            Self::Clean => None,
        }
    }
}

/// A post with its photo, to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostCopy {
    /// The post.
    pub post: Post,
    /// Its photo, if it has one.
    pub photo: Option<Photo>,
}

/// Record of a changed post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostChange {
    /// Number of the record. Later ones of the same bucket are higher.
    pub number: i64,
    /// The post that was created, edited, deleted, or got a photo.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
}

/// Error of an import by a mover that was replaced.
pub(in crate::store) fn taken_over(bucket: Bucket) -> StoreError {
    StoreError::Conflict(format!(
        "bucket {bucket} is not being filled by this move: another one took over"
    ))
}
