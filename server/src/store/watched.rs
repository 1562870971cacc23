//! Store for tests that counts reads, delays, fails, and replicates writes on demand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

type Replay = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Instrumented store.
pub(super) struct Watched {
    inner: Arc<dyn Store>,
    /// Contains all writes up to the last [`catch_up`](Self::catch_up).
    pub(super) replica: Arc<MemoryStore>,
    log: Mutex<VecDeque<Replay>>,
    reads: AtomicU64,
    /// Delay between a read and its return, in milliseconds.
    delay_ms: AtomicU64,
    /// Number of edits and deletions of posts that have started.
    changes: AtomicU64,
    /// Delays before and after an edit or deletion of a post is stored, in milliseconds.
    write_delays_ms: [AtomicU64; 2],
    failing: AtomicBool,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl Default for Watched {
    /// Wraps a memory store.
    fn default() -> Self {
        Self::over(Arc::new(MemoryStore::default()))
    }
}

impl Watched {
    /// Wraps a store.
    pub(super) fn over(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            replica: Arc::default(),
            log: Mutex::default(),
            reads: AtomicU64::new(0),
            delay_ms: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            write_delays_ms: [const { AtomicU64::new(0) }; 2],
            failing: AtomicBool::new(false),
        }
    }

    /// Returns the number of reads that have read their value, without pings and heartbeats.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Delays each read after it has read its value.
    pub(super) fn delay(&self, delay: Duration) {
        self.delay_ms
            .store(delay.as_millis() as u64, Ordering::SeqCst);
    }

    /// Returns the number of edits and deletions of posts that have started.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Delays each edit or deletion of a post that starts from now on, before and after it is stored.
    pub(super) fn delay_changes(&self, before: Duration, after: Duration) {
        for (delay_ms, delay) in self.write_delays_ms.iter().zip([before, after]) {
            delay_ms.store(delay.as_millis() as u64, Ordering::SeqCst);
        }
    }

    /// Starts or stops failing all calls.
    pub(super) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// Replicates all writes so far.
    pub(super) async fn catch_up(&self) {
        loop {
            let next = self.log.lock().unwrap().pop_front();
            match next {
                Some(replay) => replay.await,
                None => return,
            }
        }
    }

    fn check_up(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("planted failure".to_owned()));
        }
        Ok(())
    }

    async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let checked = self.check_up();
        let seen = match &checked {
            Ok(()) => read.await,
            Err(error) => Err(error.clone()),
        };
        let delay_ms = self.delay_ms.load(Ordering::SeqCst);
        self.reads.fetch_add(1, Ordering::SeqCst);
        checked?;
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        seen
    }

    /// Executes an edit or deletion of a post.
    async fn change<T>(
        &self,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let [before, after] = self
            .write_delays_ms
            .each_ref()
            .map(|delay_ms| Duration::from_millis(delay_ms.load(Ordering::SeqCst)));
        self.changes.fetch_add(1, Ordering::SeqCst);
        if !before.is_zero() {
            tokio::time::sleep(before).await;
        }
        let written = change.await;
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        written
    }

    /// Queues a write for the replica.
    fn log<R: Future<Output: Send> + Send>(
        &self,
        write: impl FnOnce(Arc<MemoryStore>) -> R + Send + 'static,
    ) -> Result<(), StoreError> {
        self.check_up()?;
        let replica = Arc::clone(&self.replica);
        self.log.lock().unwrap().push_back(Box::pin(async move {
            write(replica).await;
        }));
        Ok(())
    }
}

#[async_trait]
impl Store for Watched {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        let again = new.clone();
        self.log(|replica| async move { replica.create_user(again).await })?;
        self.inner.create_user(new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.read(self.inner.credentials(handle)).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.read(self.inner.user(id)).await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        let again = new.clone();
        self.log(|replica| async move { replica.create_session(again).await })?;
        self.inner.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.read(self.inner.session(token, now)).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        let again = *token;
        self.log(move |replica| async move { replica.delete_session(&again).await })?;
        self.inner.delete_session(token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        let again = new.clone();
        self.log(|replica| async move { replica.create_post(again).await })?;
        self.inner.create_post(new).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.read(self.inner.post(id)).await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        let again = edit.clone();
        self.change(async {
            self.log(move |replica| async move { replica.update_post(author, id, again).await })?;
            self.inner.update_post(author, id, edit).await
        })
        .await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.change(async {
            self.log(move |replica| async move { replica.delete_post(author, id).await })?;
            self.inner.delete_post(author, id).await
        })
        .await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.read(self.inner.posts_by(author, page)).await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.log(move |replica| async move { replica.follow(follower, followee, at).await })?;
        self.inner.follow(follower, followee, at).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.log(move |replica| async move { replica.unfollow(follower, followee).await })?;
        self.inner.unfollow(follower, followee).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.read(self.inner.followees(user, limit)).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.read(self.inner.feed(user, page)).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        let again = photo.clone();
        self.log(move |replica| async move { replica.put_photo(author, again).await })?;
        self.inner.put_photo(author, photo).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.read(self.inner.photo(post)).await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        let again = Arc::clone(&content);
        self.log(|replica| async move { replica.load(again).await })?;
        self.inner.load(content).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.check_up()?;
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn write_stats(&self) -> WriteStats {
        self.inner.write_stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.log(move |replica| async move { replica.beat(origin, number, at).await })?;
        self.inner.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.check_up()?;
        self.inner.newest_beat(origin).await
    }
}
