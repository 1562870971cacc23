//! Store that reads written feeds, and has them written.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::feed_page::{FeedPage, feed_page};
use super::{Announcer, FeedEvent, Feeds, TaskKind};
use crate::data_set::{Content, Loaded};
use crate::delays::Hold;
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};
use crate::store::{CacheStats, Held, NotedPost, ReplicaStats, Store, StoreError, WriteStats};

/// Store that reads written feeds, and has them written.
#[derive(Debug)]
pub(crate) struct FeedStore {
    inner: Arc<dyn Store>,
    feeds: Arc<Feeds>,
    announcer: Announcer,
}

impl FeedStore {
    /// Wraps a store.
    pub(crate) fn new(inner: Arc<dyn Store>, feeds: Arc<Feeds>, announcer: Announcer) -> Self {
        feeds.note_posts();
        Self {
            inner,
            feeds,
            announcer,
        }
    }
}

#[async_trait]
impl Store for FeedStore {
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
        let post = self.inner.create_post(new).await?;
        let note = NotedPost {
            post: post.id,
            author: post.author,
            created_at: post.created_at,
        };
        self.announcer.ask(note.into());
        Ok(post)
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
        let counters = self.feeds.counters();
        match feed_page(self.feeds.table(), &*self.inner, user, page).await? {
            FeedPage::Written(posts) => {
                counters.add(FeedEvent::ReadWritten);
                posts.result()
            }
            FeedPage::Stale { version } => {
                self.announcer.ask(TaskKind::Write { user, version });
                counters.add(FeedEvent::ReadComputed);
                self.inner.feed(user, page).await
            }
        }
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
