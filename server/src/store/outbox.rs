//! Outbox: posts that may not be in all feeds yet.

use async_trait::async_trait;

use super::{Store, StoreError};
use crate::model::{PostId, Timestamp, UserId};

/// Store that notes each new post in the transaction that creates it, so that no crash can keep it out of the feeds.
#[async_trait]
pub trait Outbox: Store {
    /// Notes posts from now on, in this process.
    fn note_posts(&self);

    /// Returns noted posts that were created up to a time, oldest first, at most `limit`.
    async fn noted_posts(&self, until: Timestamp, limit: u32)
    -> Result<Vec<NotedPost>, StoreError>;

    /// Removes the note of a post. Returns false if there is none.
    async fn forget_note(&self, post: PostId) -> Result<bool, StoreError>;
}

/// Note of a new post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedPost {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
    /// Time of its creation.
    pub created_at: Timestamp,
}
