//! Store that fails or delays on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tenfold_server::data_set::{Content, Loaded};
use tenfold_server::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};
use tenfold_server::store::{MemoryStore, Store, StoreError, WriteStats};

/// Memory store with faults.
#[derive(Debug, Default)]
pub(crate) struct FailingStore {
    inner: MemoryStore,
    faults: Mutex<Faults>,
}

/// Faults to inject. Sessions are exempt, so that users stay logged in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Error of each read.
    pub(crate) reads: Option<StoreError>,
    /// Error of each write.
    pub(crate) writes: Option<StoreError>,
    /// Panic of each read: with a literal text, or with one that contains a value.
    pub(crate) panics: Option<(&'static str, bool)>,
    /// Duration of reading a post.
    pub(crate) delay: Duration,
}

impl FailingStore {
    pub(crate) fn set(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }

    fn read(&self) -> Result<(), StoreError> {
        let faults = self.faults.lock().unwrap().clone();
        match faults.panics {
            Some((text, true)) => std::panic::panic_any(text),
            Some((text, false)) => panic!("{text}"),
            None => faults.reads.map_or(Ok(()), Err),
        }
    }

    fn write(&self) -> Result<(), StoreError> {
        self.faults
            .lock()
            .unwrap()
            .writes
            .clone()
            .map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Store for FailingStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        self.write()?;
        self.inner.create_user(new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.read()?;
        self.inner.credentials(handle).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.read()?;
        self.inner.user(id).await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.write()?;
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
        self.write()?;
        self.inner.delete_session(token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        self.write()?;
        self.inner.create_post(new).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        let delay = self.faults.lock().unwrap().delay;
        tokio::time::sleep(delay).await;
        self.read()?;
        self.inner.post(id).await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        self.write()?;
        self.inner.update_post(author, id, edit).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.write()?;
        self.inner.delete_post(author, id).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.read()?;
        self.inner.posts_by(author, page).await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.follow(follower, followee, at).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.write()?;
        self.inner.unfollow(follower, followee).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.read()?;
        self.inner.followees(user, limit).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.read()?;
        self.inner.feed(user, page).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        self.write()?;
        self.inner.put_photo(author, photo).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.read()?;
        self.inner.photo(post).await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.inner.load(content).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read()?;
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.write()?;
        self.inner.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.read()?;
        self.inner.newest_beat(origin).await
    }

    fn write_stats(&self) -> WriteStats {
        self.inner.write_stats()
    }
}
