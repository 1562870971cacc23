//! Store whose photos are in a database of their own.
//!
//! No transaction spans post and photo. So each change has two halves, and a note in the database of the photos from
//! before the first until after the second:
//!
//! | call | note | first half | second half |
//! |---|---|---|---|
//! | set a photo | with the first half | the record | the post has a photo |
//! | delete a post | before | the post is gone | the record is gone, if there is one |
//!
//! If a process dies in between, the note stays. A read that finds one looks at the post, so that it never shows the
//! photo of a deleted post. A worker [reconciles](reconcile) notes that are late: the post decides.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CacheStats, Held, PhotoNote, PhotoTable, ReplicaStats, Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::delays::Hold;
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

/// Store whose photos are in a database of their own.
#[derive(Debug)]
pub struct FederatedStore {
    inner: Arc<dyn Store>,
    photos: Arc<dyn PhotoTable>,
}

impl FederatedStore {
    /// Uses a store without photos, and a database of photos.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, photos: Arc<dyn PhotoTable>) -> Self {
        Self { inner, photos }
    }

    /// Does the second half of setting a photo. `NotFound`, without the record, if the post is gone.
    async fn show(&self, note: PhotoNote) -> Result<(), StoreError> {
        match self.inner.set_has_photo(note.post).await {
            Ok(()) => self.photos.forget_photo_note(note).await,
            Err(StoreError::NotFound) => {
                self.photos.remove_record(note).await?;
                Err(StoreError::NotFound)
            }
            Err(error) => Err(error),
        }
    }
}

/// Makes a noted record agree with its post. May be called any number of times. Returns the record of a post that is
/// gone, so that the caller can delete its files.
///
/// # Errors
/// Those of both databases; the next call continues.
pub async fn reconcile(
    store: &dyn Store,
    photos: &dyn PhotoTable,
    note: PhotoNote,
) -> Result<Option<Photo>, StoreError> {
    let (record, _) = photos.record(note.post).await?;
    let looked = match &record {
        Some(_) => store.set_has_photo(note.post).await,
        None => store.post(note.post).await.map(drop),
    };
    match looked {
        Ok(()) => {
            photos.forget_photo_note(note).await?;
            Ok(None)
        }
        Err(StoreError::NotFound) => photos.remove_record(note).await,
        Err(error) => Err(error),
    }
}

fn note(post: PostId) -> PhotoNote {
    PhotoNote {
        post,
        noted_at: Timestamp::now(),
        // Without random numbers, notes of one post are taken for one.
        token: getrandom::u64().map_or(0, u64::cast_signed),
    }
}

#[async_trait]
impl Store for FederatedStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        self.inner.create_user(new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.inner.credentials(handle).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.inner.user(id).await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.inner.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.inner.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.inner.delete_session(token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        self.inner.create_post(new).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.inner.post(id).await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        self.inner.update_post(author, id, edit).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        // Nobody else's post gets a note.
        if self.inner.post(id).await?.author != author {
            return Err(StoreError::Forbidden);
        }
        // Also for a post without a photo: one may be set meanwhile.
        let note = note(id);
        self.photos.note_photo(note).await?;
        // After an error, the note stays: the post may be gone.
        self.inner.delete_post(author, id).await?;
        self.photos.remove_record(note).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.inner.posts_by(author, page).await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner.follow(follower, followee, at).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.inner.unfollow(follower, followee).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.inner.followees(user, limit).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.inner.feed(user, page).await
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        self.inner.posts_with(ids).await
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        self.inner.posts_by_any(authors, page).await
    }

    async fn recount(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.recount(user).await
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        self.inner.set_has_photo(post).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        let post = self.inner.post(photo.post).await?;
        if post.author != author {
            return Err(StoreError::Forbidden);
        }
        let note = note(photo.post);
        let before = self.photos.put_record(photo, note).await?;
        self.show(note).await?;
        Ok(before)
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        let (record, is_noted) = self.photos.record(post).await?;
        let record = record.ok_or(StoreError::NotFound)?;
        if is_noted {
            // The post may be gone.
            self.inner.post(post).await?;
        }
        Ok(record)
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.inner.load(content).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Not the photos: without them, everything else is served.
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
        self.photos.close_photos().await;
    }

    fn write_stats(&self) -> WriteStats {
        self.inner.write_stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.inner.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.inner.newest_beat(origin).await
    }

    fn cache_stats(&self) -> Option<CacheStats> {
        self.inner.cache_stats()
    }

    fn replica_stats(&self) -> Vec<ReplicaStats> {
        self.inner.replica_stats()
    }

    fn primary_reads(&self) -> u64 {
        self.inner.primary_reads()
    }

    async fn hold(&self, call: Held, time: Duration) -> Result<Duration, StoreError> {
        self.inner.hold(call, time).await
    }

    fn hold_of(&self, call: Held) -> Hold {
        self.inner.hold_of(call)
    }
}

#[cfg(test)]
mod tests;
