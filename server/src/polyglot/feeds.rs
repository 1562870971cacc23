//! Feeds that are written when a post is: a row for each reader and post.

use std::fmt;

use async_trait::async_trait;

use crate::model::{Page, PostId, Timestamp, UserId};
use crate::store::StoreError;

/// Maximum number of feeds that one call writes to.
pub const OWNERS_MAX: usize = 1_000;

/// A post in a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
    /// Time of its creation.
    pub created_at: Timestamp,
    /// Its Markdown.
    pub content: String,
}

/// Feeds by owner.
#[async_trait]
pub trait Feeds: Send + Sync + fmt::Debug + 'static {
    /// Puts a post into the feeds of at most [`OWNERS_MAX`] owners. Putting it there again changes nothing. After an error, it may be in some of
    /// the feeds: repeat the call. `Invalid` if there are too many owners.
    async fn push(&self, owners: &[UserId], entry: &FeedEntry) -> Result<(), StoreError>;

    /// Returns entries of a feed, newest post first.
    async fn page(&self, owner: UserId, page: Page) -> Result<Vec<FeedEntry>, StoreError>;
}

/// Checks the number of owners, as every implementation of [`Feeds::push`] does.
///
/// # Errors
/// `Invalid` if there are more than [`OWNERS_MAX`].
pub fn check_owners(owners: &[UserId]) -> Result<(), StoreError> {
    match owners.len() {
        0..=OWNERS_MAX => Ok(()),
        more => Err(StoreError::Invalid(format!(
            "a call writes to at most {OWNERS_MAX} feeds, not {more}"
        ))),
    }
}
