//! SQLite files as the databases of a sharded store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::{SqliteStore, buckets, failure, feeds, load};
use crate::data_set::{Content, Loaded};
use crate::model::{NewPost, Photo, Post, PostEdit, PostId, User, UserId};
use crate::store::StoreError;
use crate::store::sharded::{
    Advance, Bucket, Directory, Holding, PostChange, PostCopy, Shard, Share,
};

#[async_trait]
impl Directory for SqliteStore {
    async fn shard_map(&self) -> Result<Option<String>, StoreError> {
        self.readers.point(buckets::shard_map)
    }

    async fn replace_shard_map(&self, version: u64, map: &str) -> Result<bool, StoreError> {
        let map = map.to_owned();
        // One statement, which is a transaction.
        self.writer
            .alone(move |connection| buckets::replace_shard_map(connection, version, &map))
            .await
    }

    async fn post_authors(
        &self,
        from: PostId,
        until: PostId,
    ) -> Result<Vec<(PostId, UserId)>, StoreError> {
        self.readers
            .list(move |connection| buckets::post_authors(connection, from, until))
            .await
    }

    async fn load_users(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.writer
            .alone(move |connection| load::load(connection, &content, &Share::Users))
            .await
    }
}

#[async_trait]
impl Shard for SqliteStore {
    async fn prepare(&self, own: &[Bucket]) -> Result<(), StoreError> {
        let own = own.to_vec();
        self.writer
            .alone(move |connection| {
                let transaction = connection.transaction();
                let transaction = transaction.map_err(|error| failure::failed(&error))?;
                buckets::prepare(&transaction, &own)?;
                transaction
                    .commit()
                    .map_err(|error| failure::failed(&error))
            })
            .await
    }

    async fn create_post_in(
        &self,
        bucket: Bucket,
        proposed: PostId,
        new: NewPost,
        handle: &str,
    ) -> Result<Post, StoreError> {
        new.check()?;
        let handle = handle.to_owned();
        let is_noted = self.notes_posts.load(Ordering::Relaxed);
        self.writer
            .write(move |connection| {
                let post = buckets::create_post(connection, bucket, proposed, &new, &handle)?;
                if is_noted {
                    feeds::note(connection, post.id, &new)?;
                }
                Ok(post)
            })
            .await
    }

    async fn update_post_in(
        &self,
        bucket: Bucket,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        self.writer
            .write(move |connection| buckets::update_post(connection, bucket, author, id, &edit))
            .await
    }

    async fn delete_post_in(
        &self,
        bucket: Bucket,
        author: UserId,
        id: PostId,
    ) -> Result<Option<Photo>, StoreError> {
        self.writer
            .write(move |connection| buckets::delete_post(connection, bucket, author, id))
            .await
    }

    async fn put_photo_in(
        &self,
        bucket: Bucket,
        author: UserId,
        photo: Photo,
    ) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        self.writer
            .write(move |connection| buckets::put_photo(connection, bucket, author, &photo))
            .await
    }

    async fn set_has_photo_in(&self, bucket: Bucket, post: PostId) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| buckets::set_has_photo(connection, bucket, post))
            .await
    }

    async fn served(&self, buckets: &[Bucket]) -> Result<Vec<(Bucket, i64)>, StoreError> {
        self.readers
            .point(|connection| buckets::served(connection, buckets))
    }

    async fn load_posts(
        &self,
        content: Arc<Content>,
        buckets: Vec<Bucket>,
    ) -> Result<Loaded, StoreError> {
        let share = Share::Posts(buckets.into_iter().collect());
        self.writer
            .alone(move |connection| load::load(connection, &content, &share))
            .await
    }

    async fn holding(&self, bucket: Bucket) -> Result<Option<Holding>, StoreError> {
        self.readers
            .point(|connection| buckets::holding(connection, bucket))
    }

    async fn take_over(&self, bucket: Bucket, token: i64) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| buckets::take_over(connection, bucket, token))
            .await
    }

    async fn advance(&self, bucket: Bucket, step: Advance, token: i64) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| buckets::advance(connection, bucket, step, token))
            .await
    }

    async fn remove_some(
        &self,
        bucket: Bucket,
        token: i64,
        limit: u32,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| buckets::remove_some(connection, bucket, token, limit))
            .await
    }

    async fn authors_in(
        &self,
        bucket: Bucket,
        after: UserId,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        self.readers
            .list(move |connection| buckets::authors_in(connection, bucket, after, limit))
            .await
    }

    async fn changes(
        &self,
        bucket: Bucket,
        after: i64,
        limit: u32,
    ) -> Result<Vec<PostChange>, StoreError> {
        self.readers
            .list(move |connection| buckets::changes(connection, bucket, after, limit))
            .await
    }

    async fn import(
        &self,
        bucket: Bucket,
        token: i64,
        author: User,
        posts: Vec<PostCopy>,
        removed: Vec<PostId>,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                buckets::import(connection, bucket, token, &author, &posts, &removed)
            })
            .await
    }
}
