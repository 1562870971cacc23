//! Written feeds: a post is written to the feeds of its author's followers when it is created, by workers.
//!
//! # What is written
//! The list of posts of a feed, without their contents, in the database of users and follows. A feed is written once its
//! user has read it, so that nobody pays for the feeds of users who are away.
//!
//! # Guarantees
//! - A feed shows a new post once a worker has worked on its job. A note in the transaction that creates the post makes
//!   sure that this happens, whatever dies: workers look for notes that are left.
//! - Edits, deletions, follows and unfollows are visible at once. A new follow makes the feed stale in the same
//!   transaction, and a stale feed is computed from posts and follows until it is written again.
//! - Every job may be done more than once, by several workers at a time, and in any order.
//!
//! # Popular authors
//! An author with more followers than [`FeedOptions::followers_max`] is read with each feed instead. Whether they are
//! is stored, and changes in an order in which no reader misses a post: see `repair`.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{PAGE_POSTS_MAX, Page, Post, PostId, Timestamp, UserId};
use crate::store::{
    FeedContent, FeedEntry, FeedTable, NotedPost, Outbox, Popularity, Rewritten, StoreError,
};

mod announcer;
mod counters;
mod feed_page;
mod feed_store;
mod feed_task;
mod repair;

pub(crate) use announcer::Announcer;
pub(crate) use counters::{FeedCounters, FeedEvent};
pub(crate) use feed_store::FeedStore;
pub(crate) use feed_task::{FeedTask, TaskKind};
pub(crate) use repair::Checked;

/// Followers whose feeds get a post in one call.
const FOLLOWERS_AT_ONCE: u32 = 1_000;
/// Attempts to write a feed whose user keeps following others.
const WRITES_MAX: u32 = 3;
/// Age from which on a note is taken for one whose job is lost, in milliseconds.
const LATE_MS: i64 = 5_000;
/// Age from which on a post should be in all feeds, in milliseconds.
const SETTLED_MS: i64 = 60_000;
/// Late notes worked on at one look.
const LATE_MAX: u32 = 100;

/// How feeds are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedMode {
    /// From posts and follows.
    #[default]
    Read,
    /// Written to the feeds of all followers.
    Write,
    /// Written, except for the posts of popular authors.
    Hybrid,
}

impl FromStr for FeedMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "hybrid" => Ok(Self::Hybrid),
            _ => Err("it must be read, write or hybrid".to_owned()),
        }
    }
}

/// Options of feeds. All processes of a service must have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedOptions {
    /// How feeds are read.
    pub mode: FeedMode,
    /// Number of followers above which an author is popular, in mode [`FeedMode::Hybrid`].
    pub followers_max: u64,
    /// Posts in a written feed, at most, when it is written; later ones are added. Older posts are computed.
    pub posts_max: u32,
    /// Time from one check of all feeds and counters to the next. `None` for none.
    pub repair_every: Option<Duration>,
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self {
            mode: FeedMode::Read,
            followers_max: 10_000,
            posts_max: 300,
            repair_every: Some(Duration::from_secs(3_600)),
        }
    }
}

/// The written feeds of a store, as their jobs see them.
#[derive(Debug)]
pub(crate) struct Feeds {
    base: Arc<dyn Outbox>,
    table: Arc<dyn FeedTable>,
    options: FeedOptions,
    counters: FeedCounters,
}

impl Feeds {
    /// Uses a store, and the database of its users and follows.
    pub(crate) fn new(
        base: Arc<dyn Outbox>,
        table: Arc<dyn FeedTable>,
        options: FeedOptions,
    ) -> Self {
        Self {
            base,
            table,
            options,
            counters: FeedCounters::default(),
        }
    }

    /// Returns the counters of this process.
    pub(crate) fn counters(&self) -> &FeedCounters {
        &self.counters
    }

    /// Returns the options.
    pub(crate) fn options(&self) -> &FeedOptions {
        &self.options
    }

    /// Returns the database of users and follows.
    pub(crate) fn table(&self) -> &dyn FeedTable {
        &*self.table
    }

    /// Notes new posts from now on, so that each ends up in all feeds.
    pub(crate) fn note_posts(&self) {
        self.base.note_posts();
    }

    /// Writes a post to the feeds of its author's followers. May be called any number of times.
    pub(crate) async fn spread(&self, note: NotedPost) -> Result<(), StoreError> {
        let NotedPost { post, author, .. } = note;
        if !self.is_read_with_feeds(author).await? {
            let entry = FeedEntry { post, author };
            let mut after = UserId(i64::MIN);
            while let Some(last) = self
                .table
                .append_to_feeds(entry, after, FOLLOWERS_AT_ONCE)
                .await?
            {
                after = last;
            }
        }
        // If a note stays, its post is written again.
        if self.base.forget_note(post).await? {
            let took = Timestamp::now().0.saturating_sub(note.created_at.0);
            self.counters.spread(u64::try_from(took).unwrap_or(0));
        }
        Ok(())
    }

    /// Returns true if posts of an author are not written to feeds. Makes the author popular if that is due.
    async fn is_read_with_feeds(&self, author: UserId) -> Result<bool, StoreError> {
        match self.table.popularity(author).await? {
            Some(Popularity::Popular) => return Ok(true),
            Some(Popularity::Leaving) => return Ok(false),
            None => {}
        }
        if self.options.mode != FeedMode::Hybrid {
            return Ok(false);
        }
        let is_popular = match self.table.user(author).await {
            Ok(author) => author.followers > self.options.followers_max,
            Err(StoreError::NotFound) => false,
            Err(error) => return Err(error),
        };
        if is_popular {
            let popular = Some(Popularity::Popular);
            self.table.change_popularity(author, popular).await?;
        }
        Ok(is_popular)
    }

    /// Writes a feed from posts and follows. May be called any number of times.
    pub(crate) async fn write(&self, user: UserId) -> Result<Rewritten, StoreError> {
        for _ in 0..WRITES_MAX {
            let version = self.table.open_feed(user).await?;
            let content = self.compute(user).await?;
            if let Some(written) = self.table.write_feed(user, version, content).await? {
                self.counters.add(FeedEvent::Written);
                return Ok(written);
            }
        }
        // The next read asks for it again.
        Ok(Rewritten::default())
    }

    /// Computes what a feed should contain.
    async fn compute(&self, user: UserId) -> Result<FeedContent, StoreError> {
        let popular = self.table.popular_followees(user).await?;
        // Posts of leaving authors are written.
        let popular: BTreeSet<UserId> = popular
            .into_iter()
            .filter(|(_, own)| *own == Popularity::Popular)
            .map(|(author, _)| author)
            .collect();
        let settled = Timestamp::now().0.saturating_sub(SETTLED_MS);
        let mut content = FeedContent::default();
        let (mut before, mut left) = (None, self.options.posts_max);
        while left > 0 {
            let page = Page::new(before, left.min(PAGE_POSTS_MAX));
            let posts = self.base.feed(user, page).await?;
            left -= u32::try_from(posts.len()).unwrap_or(left).min(left);
            before = posts.last().map(|post| post.id);
            for post in posts.iter().filter(|post| !popular.contains(&post.author)) {
                let list = match post.created_at.0 <= settled {
                    true => &mut content.settled,
                    false => &mut content.fresh,
                };
                list.push(entry(post));
            }
            if posts.len() < page.limit() as usize {
                return Ok(content);
            }
        }
        content.floor = before.unwrap_or_default();
        Ok(content)
    }

    /// Writes posts to feeds whose jobs were lost. Returns how many there were.
    pub(crate) async fn sweep(&self) -> Result<usize, StoreError> {
        let until = Timestamp(Timestamp::now().0.saturating_sub(LATE_MS));
        let late = self.base.noted_posts(until, LATE_MAX).await?;
        for note in &late {
            self.spread(*note).await?;
            self.counters.add(FeedEvent::Swept);
        }
        Ok(late.len())
    }
}

fn entry(post: &Post) -> FeedEntry {
    FeedEntry {
        post: post.id,
        author: post.author,
    }
}

/// Identifier before which all posts are.
const NEWEST: PostId = PostId(i64::MAX);

#[cfg(test)]
mod tests;
