//! MySQL as the databases of a sharded store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::{Backoff, Failure, MysqlStore, READ_TIMEOUT, begin, buckets, within};
use crate::data_set::{Content, Loaded};
use crate::ledger::{self, Part};
use crate::model::{NewPost, Photo, Post, PostEdit, PostId, User, UserId};
use crate::store::StoreError;
use crate::store::sharded::{
    Advance, Bucket, Directory, Holding, PostChange, PostCopy, Shard, Share,
};
use mysql_async::Conn;

#[async_trait]
impl Directory for MysqlStore {
    async fn shard_map(&self) -> Result<Option<String>, StoreError> {
        read!(self, connection => buckets::shard_map(connection).await)
    }

    async fn replace_shard_map(&self, version: u64, map: &str) -> Result<bool, StoreError> {
        // One statement, which is a transaction.
        read!(self, connection => buckets::replace_shard_map(connection, version, map).await)
    }

    async fn post_authors(
        &self,
        from: PostId,
        until: PostId,
    ) -> Result<Vec<(PostId, UserId)>, StoreError> {
        read!(self, connection => buckets::post_authors(connection, from, until).await)
    }

    async fn load_users(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.load_share(&content, &Share::Users).await
    }
}

#[async_trait]
impl Shard for MysqlStore {
    async fn prepare(&self, own: &[Bucket]) -> Result<(), StoreError> {
        self.migrate().await?;
        read!(self, connection => buckets::prepare(connection, own).await)
    }

    async fn create_post_in(
        &self,
        bucket: Bucket,
        proposed: PostId,
        new: NewPost,
        handle: &str,
    ) -> Result<Post, StoreError> {
        new.check()?;
        let is_noted = self.notes_posts.load(Ordering::Relaxed);
        let place = (bucket, proposed);
        write!(self, tx => buckets::create_post(&mut tx, place, &new, handle, is_noted).await)
    }

    async fn update_post_in(
        &self,
        bucket: Bucket,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        write!(self, tx => buckets::update_post(&mut tx, bucket, author, id, &edit).await)
    }

    async fn delete_post_in(
        &self,
        bucket: Bucket,
        author: UserId,
        id: PostId,
    ) -> Result<Option<Photo>, StoreError> {
        write!(self, tx => buckets::delete_post(&mut tx, bucket, author, id).await)
    }

    async fn put_photo_in(
        &self,
        bucket: Bucket,
        author: UserId,
        photo: Photo,
    ) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        write!(self, tx => buckets::put_photo(&mut tx, bucket, author, &photo).await)
    }

    async fn set_has_photo_in(&self, bucket: Bucket, post: PostId) -> Result<(), StoreError> {
        write!(self, tx => buckets::set_has_photo(&mut tx, bucket, post).await)
    }

    async fn served(&self, buckets: &[Bucket]) -> Result<Vec<(Bucket, i64)>, StoreError> {
        read!(self, connection => buckets::served(connection, buckets).await)
    }

    async fn load_posts(
        &self,
        content: Arc<Content>,
        buckets: Vec<Bucket>,
    ) -> Result<Loaded, StoreError> {
        let share = Share::Posts(buckets.into_iter().collect());
        self.load_share(&content, &share).await
    }

    async fn holding(&self, bucket: Bucket) -> Result<Option<Holding>, StoreError> {
        read!(self, connection => buckets::holding(connection, buckets::BUCKET, bucket).await)
    }

    async fn take_over(&self, bucket: Bucket, token: i64) -> Result<(), StoreError> {
        write!(self, tx => buckets::take_over(&mut tx, bucket, token).await)
    }

    async fn advance(&self, bucket: Bucket, step: Advance, token: i64) -> Result<bool, StoreError> {
        write!(self, tx => buckets::advance(&mut tx, bucket, step, token).await)
    }

    async fn remove_some(
        &self,
        bucket: Bucket,
        token: i64,
        limit: u32,
    ) -> Result<bool, StoreError> {
        write!(self, tx => buckets::remove_some(&mut tx, bucket, token, limit).await)
    }

    async fn authors_in(
        &self,
        bucket: Bucket,
        after: UserId,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        read!(self, connection => buckets::authors_in(connection, bucket, after, limit).await)
    }

    async fn changes(
        &self,
        bucket: Bucket,
        after: i64,
        limit: u32,
    ) -> Result<Vec<PostChange>, StoreError> {
        read!(self, connection => buckets::changes(connection, bucket, after, limit).await)
    }

    async fn import(
        &self,
        bucket: Bucket,
        token: i64,
        author: User,
        posts: Vec<PostCopy>,
        removed: Vec<PostId>,
    ) -> Result<(), StoreError> {
        write!(self, tx => buckets::import(&mut tx, bucket, token, &author, &posts, &removed).await)
    }
}
