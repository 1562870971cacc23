//! Store in a SQLite file: one thread writes, many threads read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use self::readers::Readers;
use self::writer::Writer;
use super::sharded::Share;
use super::{Held, Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::delays::{self, Hold};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod buckets;
mod failure;
mod feeds;
mod load;
mod photos;
mod readers;
mod reads;
mod schema;
mod shard;
mod writer;
mod writes;

/// Store in a SQLite file, with a write-ahead log that is synced before a write returns.
#[derive(Debug)]
pub(super) struct SqliteStore {
    readers: Readers,
    writer: Writer,
    /// Notes new posts in the outbox.
    notes_posts: AtomicBool,
}

impl SqliteStore {
    /// Opens the file, creating it and its schema if they are missing.
    ///
    /// # Errors
    /// `Full` if the disk is full, `Unavailable` if the file is locked or cannot be opened, `Other` if it is
    /// not a database or has a newer schema.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let connection = schema::open_writer(&path)?;
            Ok(Self {
                readers: Readers::open(&path)?,
                writer: Writer::start(connection)?,
                notes_posts: AtomicBool::new(false),
            })
        });
        opened.await.map_err(|error| {
            StoreError::Unavailable(format!("opening the database was cancelled: {error}"))
        })?
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        new.check()?;
        self.writer
            .write(|connection| writes::create_user(connection, new))
            .await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.readers
            .point(|connection| reads::credentials(connection, handle))
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.readers.point(|connection| reads::user(connection, id))
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| writes::create_session(connection, &new))
            .await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.readers
            .point(|connection| reads::session(connection, token, now))
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        let token = *token;
        self.writer
            .write(move |connection| writes::delete_session(connection, &token))
            .await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        new.check()?;
        let is_noted = self.notes_posts.load(Ordering::Relaxed);
        self.writer
            .write(move |connection| writes::create_post(connection, new, is_noted))
            .await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.readers.point(|connection| reads::post(connection, id))
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        let write = move |connection: &_| writes::update_post(connection, author, id, &edit);
        self.writer.write(write).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.writer
            .write(move |connection| writes::delete_post(connection, author, id))
            .await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.readers
            .list(move |connection| reads::posts_by(connection, author, page))
            .await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        if follower == followee {
            return Err(super::follows_themselves());
        }
        self.writer
            .write(move |connection| writes::follow(connection, follower, followee, at))
            .await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| writes::unfollow(connection, follower, followee))
            .await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.readers
            .list(move |connection| reads::followees(connection, user, limit))
            .await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.readers
            .list(move |connection| reads::feed(connection, user, page))
            .await
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| writes::set_has_photo(connection, post))
            .await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        self.writer
            .write(move |connection| writes::put_photo(connection, author, &photo))
            .await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.readers
            .point(|connection| reads::photo(connection, post))
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        self.readers
            .list(move |connection| reads::posts_with(connection, &ids))
            .await
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        self.readers
            .list(move |connection| reads::posts_by_any(connection, authors, page))
            .await
    }

    async fn recount(&self, user: UserId) -> Result<u64, StoreError> {
        let (wrong, _) = self
            .readers
            .list(move |connection| feeds::counts(connection, user))
            .await?;
        if wrong == 0 {
            return Ok(0);
        }
        self.writer
            .write(move |connection| feeds::recount(connection, user))
            .await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.writer
            .alone(move |connection| load::load(connection, &content, &Share::Everything))
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers.point(reads::ping)
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close();
    }

    fn write_stats(&self) -> WriteStats {
        self.writer.stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| writes::beat(connection, origin, number, at))
            .await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.readers
            .point(|connection| reads::newest_beat(connection, origin))
    }

    async fn hold(&self, call: Held, time: Duration) -> Result<Duration, StoreError> {
        match call {
            Held::Point => self.readers.point(|_| Ok(delays::sleep(time))),
            Held::List => self.readers.list(move |_| Ok(delays::sleep(time))).await,
            Held::Write => self.writer.hold(time).await,
        }
    }

    fn hold_of(&self, call: Held) -> Hold {
        match call {
            Held::Point | Held::List => Hold::Before(delays::SLEEP_MIN),
            // A batch is held once for all of its writes.
            Held::Write => Hold::Within,
        }
    }
}

#[cfg(test)]
mod tests;
