//! Store whose writes are removed from the edges.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Purge, Purger, keys};
use crate::data_set::{Content, Loaded};
use crate::delays::Hold;
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};
use crate::store::{
    CacheStats, Held, PostList, ReplicaStats, Shared, Store, StoreError, WriteStats,
};

/// Store whose writes are removed from the edges, once they are stored.
#[derive(Debug)]
pub(crate) struct PurgedStore {
    inner: Arc<dyn Store>,
    purger: Arc<Purger>,
}

/// Responses that a write changes.
enum Change {
    /// Of a post, and of the user who wrote it, if that is known.
    Post(PostId, Option<UserId>),
    /// Of a post that is deleted, and of its author.
    Gone(PostId, UserId),
    /// Of a user.
    User(UserId),
    /// Of two users.
    Users(UserId, UserId),
}

impl PurgedStore {
    /// Wraps a store.
    pub(crate) fn new(inner: Arc<dyn Store>, purger: Arc<Purger>) -> Self {
        Self { inner, purger }
    }

    /// Writes, and then purges. A write that was perhaps stored counts.
    async fn then<T>(
        &self,
        change: Change,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let written = write.await;
        if matches!(written, Ok(_) | Err(StoreError::Unavailable(_))) {
            match change {
                Change::Post(post, author) => {
                    self.purger.purge(Purge::Changed(keys::post(post)));
                    if let Some(author) = author {
                        self.purger.purge(Purge::Changed(keys::user(author)));
                    }
                }
                Change::Gone(post, author) => {
                    self.purger.purge(Purge::Gone(keys::post(post)));
                    // Pages of the author have the post.
                    self.purger.purge(Purge::Gone(keys::user(author)));
                }
                Change::User(user) => self.purger.purge(Purge::Changed(keys::user(user))),
                Change::Users(one, other) => {
                    self.purger.purge(Purge::Changed(keys::user(one)));
                    self.purger.purge(Purge::Changed(keys::user(other)));
                }
            }
        }
        written
    }
}

#[async_trait]
impl Store for PurgedStore {
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
        let author = new.author;
        self.then(Change::User(author), self.inner.create_post(new))
            .await
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
        let change = Change::Post(id, Some(author));
        self.then(change, self.inner.update_post(author, id, edit))
            .await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        let change = Change::Gone(id, author);
        self.then(change, self.inner.delete_post(author, id)).await
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
        let change = Change::Users(follower, followee);
        self.then(change, self.inner.follow(follower, followee, at))
            .await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        let change = Change::Users(follower, followee);
        self.then(change, self.inner.unfollow(follower, followee))
            .await
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
        self.then(Change::User(user), self.inner.recount(user))
            .await
    }

    async fn shared_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        self.inner.shared_post(id).await
    }

    async fn shared_user(&self, id: UserId) -> Result<Arc<Shared<User>>, StoreError> {
        self.inner.shared_user(id).await
    }

    async fn shared_posts_by(
        &self,
        author: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        self.inner.shared_posts_by(author, page).await
    }

    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        self.inner.shared_feed(user, page).await
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        let change = Change::Post(post, None);
        self.then(change, self.inner.set_has_photo(post)).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        let change = Change::Post(photo.post, Some(author));
        self.then(change, self.inner.put_photo(author, photo)).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::EdgeOptions;
    use crate::store::{MemoryStore, contract};

    #[tokio::test]
    async fn keeps_contract() {
        contract::is_kept(async || {
            let purger = Purger::start(&EdgeOptions::default(), Duration::ZERO).unwrap();
            let inner = Arc::new(MemoryStore::default());
            Arc::new(PurgedStore::new(inner, Arc::new(purger))) as Arc<dyn Store>
        })
        .await;
    }
}
