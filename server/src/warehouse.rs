//! Warehouse: posts that have left the database, and questions about all of them.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::{Page, Post, PostId, UserId};
use crate::store::StoreError;
use crate::store::old_posts::{Mark, MonthTotals};
use crate::store::sharded::PostCopy;

mod archive;
mod archived_store;
#[cfg(feature = "clickhouse")]
mod clickhouse;
mod mover;
mod resolver;

pub(crate) use archive::Archive;
pub use archive::ArchiveOptions;
pub use archived_store::ArchivedStore;
pub use mover::{Checked, MonthOnBothSides, Moved, Mover};
pub use resolver::resolve;

/// Warehouse of posts.
///
/// A write is idempotent: of several versions of a post, the highest counts, in any order of their arrival. So a write whose answer was lost is
/// repeated.
#[async_trait]
pub trait Warehouse: Send + Sync + fmt::Debug + 'static {
    /// Stores posts with their photos' records.
    async fn put(&self, posts: &[PostCopy], version: u64) -> Result<(), StoreError>;

    /// Removes posts.
    async fn bury(&self, posts: &[Mark], version: u64) -> Result<(), StoreError>;

    /// Returns the totals of all posts, by month.
    async fn totals_by_month(&self) -> Result<Vec<MonthTotals>, StoreError>;

    /// Returns a post. `NotFound` if it is not there.
    async fn post(&self, id: PostId) -> Result<PostCopy, StoreError>;

    /// Returns posts of some authors, newest first.
    async fn posts_by(&self, authors: &[UserId], page: Page) -> Result<Vec<Post>, StoreError>;

    /// Answers a question about the posts of a month, 202511 for November 2025, or of all.
    async fn answer(
        &self,
        question: Question,
        month: Option<u32>,
    ) -> Result<Vec<AnswerRow>, StoreError>;
}

/// Question about many posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Authors with a post, by day.
    ActiveUsersByDay,
    /// Posts, by hour of the day.
    PostsByHour,
    /// Authors with the most posts.
    HottestAuthors,
}

impl Question {
    /// All questions.
    pub const ALL: [Self; 3] = [
        Self::ActiveUsersByDay,
        Self::PostsByHour,
        Self::HottestAuthors,
    ];

    /// Returns its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ActiveUsersByDay => "active-users",
            Self::PostsByHour => "posts-by-hour",
            Self::HottestAuthors => "hottest-authors",
        }
    }
}

/// Row of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRow {
    /// Day, hour or author.
    pub key: String,
    /// Number of users or posts.
    pub count: u64,
}
