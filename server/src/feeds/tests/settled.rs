//! Store whose feeds are read once all jobs are done, as the contract of stores wants it.

use async_trait::async_trait;

use super::*;
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Photo, PostEdit, TokenDigest, User,
};
use crate::queue::JobCounters;
use crate::store::WriteStats;
use crate::worker::{FeedWork, Worker, WorkerOptions};

/// Store that waits for the jobs of feeds before it reads one. Each feed is read twice: the first time, it may be
/// computed.
#[derive(Debug)]
pub(super) struct Settled {
    inner: FeedStore,
    base: Arc<dyn Outbox>,
    jobs: Jobs,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Settled {
    /// Starts a worker.
    pub(super) fn new(base: Arc<dyn Outbox>, feeds: Arc<Feeds>) -> Self {
        let jobs = Jobs::open(
            "memory:",
            &QueueOptions {
                jobs_max: None,
                ..QueueOptions::default()
            },
        );
        let jobs = jobs.unwrap();
        let work = FeedWork::new(Arc::clone(&feeds), Arc::clone(&jobs.queue));
        let options = WorkerOptions {
            concurrency: 4,
            ..WorkerOptions::default()
        };
        let counters = Arc::<JobCounters>::default();
        let worker = Worker::new(
            Arc::clone(&jobs.queue),
            Arc::new(work),
            options,
            Duration::from_secs(30),
            counters,
        );
        let (stop, stopped) = tokio::sync::watch::channel(false);
        worker.start(&stopped);
        let announcer = Announcer::start(Arc::clone(&feeds), jobs.intake());
        Self {
            inner: FeedStore::new(base.clone(), feeds, announcer),
            base,
            jobs,
            _stop: stop,
        }
    }

    async fn settle(&self) {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let notes = self.base.noted_posts(Timestamp(i64::MAX), 1).await;
            let jobs = self.jobs.queue.stats().await.unwrap().jobs;
            // A closed store has no notes to show.
            if jobs == 0 && notes.is_ok_and(|notes| notes.is_empty()) {
                return;
            }
            if self.base.ping().await.is_err() {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "jobs are left");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
}

#[async_trait]
impl Store for Settled {
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
        self.inner.delete_post(author, id).await
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
        self.settle().await;
        let first = self.inner.feed(user, page).await;
        self.settle().await;
        let second = self.inner.feed(user, page).await;
        assert_eq!(first, second);
        second
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        self.inner.put_photo(author, photo).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.inner.photo(post).await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.inner.load(content).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
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
}
