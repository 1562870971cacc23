//! MySQL as a database with written feeds, and with an outbox.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use mysql_async::Conn;

use super::{Backoff, Failure, MysqlStore, READ_TIMEOUT, begin, feeds, within};
use crate::ledger::{self, Part};
use crate::model::{PostId, Timestamp, UserId};
use crate::store::{
    FeedContent, FeedEntry, FeedTable, NotedPost, Outbox, Popularity, Repair, Rewritten,
    StoreError, WrittenFeed,
};

#[async_trait]
impl FeedTable for MysqlStore {
    async fn written_feed(
        &self,
        user: UserId,
        before: PostId,
        limit: u32,
    ) -> Result<WrittenFeed, StoreError> {
        read!(self, connection => feeds::written_feed(connection, user, before, limit).await)
    }

    async fn open_feed(&self, user: UserId) -> Result<i64, StoreError> {
        read!(self, connection => feeds::open_feed(connection, user).await)
    }

    async fn write_feed(
        &self,
        user: UserId,
        version: i64,
        content: FeedContent,
    ) -> Result<Option<Rewritten>, StoreError> {
        write!(self, tx => feeds::write_feed(&mut tx, user, version, &content).await)
    }

    async fn append_to_feeds(
        &self,
        entry: FeedEntry,
        after: UserId,
        limit: u32,
    ) -> Result<Option<UserId>, StoreError> {
        read!(self, connection => feeds::append_to_feeds(connection, entry, after, limit).await)
    }

    async fn spoil_feeds(
        &self,
        author: UserId,
        after: UserId,
        limit: u32,
    ) -> Result<Option<UserId>, StoreError> {
        write!(self, tx => feeds::spoil_feeds(&mut tx, author, after, limit).await)
    }

    async fn spoil_all_feeds(&self) -> Result<(), StoreError> {
        if read!(self, connection => feeds::is_any_complete(connection).await)? {
            write!(self, tx => feeds::spoil_all_feeds(&mut tx).await)?;
        }
        Ok(())
    }

    async fn popularity(&self, author: UserId) -> Result<Option<Popularity>, StoreError> {
        read!(self, connection => feeds::popularity(connection, author).await)
    }

    async fn change_popularity(
        &self,
        author: UserId,
        to: Option<Popularity>,
    ) -> Result<(), StoreError> {
        read!(self, connection => feeds::change_popularity(connection, author, to).await)
    }

    async fn popular_followees(
        &self,
        user: UserId,
    ) -> Result<Vec<(UserId, Popularity)>, StoreError> {
        read!(self, connection => feeds::popular_followees(connection, user).await)
    }

    async fn popular_authors(&self, after: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        read!(self, connection => feeds::users(connection, feeds::POPULAR_AUTHORS, after, limit).await)
    }

    async fn users_after(&self, after: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        read!(self, connection => feeds::users(connection, feeds::USERS_AFTER, after, limit).await)
    }

    async fn begin_repair(&self, started_at: Timestamp) -> Result<(), StoreError> {
        write!(self, tx => feeds::begin_repair(&mut tx, started_at).await)
    }

    async fn repair(&self, started_at: Option<Timestamp>) -> Result<Option<Repair>, StoreError> {
        read!(self, connection => feeds::repair(connection, started_at).await)
    }

    async fn advance_repair(&self, from: UserId, repair: Repair) -> Result<bool, StoreError> {
        write!(self, tx => feeds::advance_repair(&mut tx, from, &repair).await)
    }
}

#[async_trait]
impl Outbox for MysqlStore {
    fn note_posts(&self) {
        self.notes_posts.store(true, Ordering::Relaxed);
    }

    async fn noted_posts(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<NotedPost>, StoreError> {
        read!(self, connection => feeds::noted_posts(connection, until, limit).await)
    }

    async fn forget_note(&self, post: PostId) -> Result<bool, StoreError> {
        read!(self, connection => feeds::forget_note(connection, post).await)
    }
}
