//! Store whose old posts are in a warehouse: they are read from there, slower, by the same calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Warehouse;
use crate::data_set::{Content, Loaded};
use crate::delays::Hold;
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};
use crate::store::{
    CacheStats, Held, PostList, ReplicaStats, Shared, Store, StoreError, WriteStats,
};

/// Maximum number of followed users whose old posts a feed shows.
const FOLLOWEES_MAX: u32 = 1_000;

/// Store whose old posts are in a warehouse.
///
/// A post is read from the warehouse if the store does not have it, and a page if the store has fewer posts than it may have. Posts in the
/// warehouse can't be changed any more. If the warehouse does not respond, a feed is incomplete and a profile has its recent posts alone.
#[derive(Debug)]
pub struct ArchivedStore {
    inner: Arc<dyn Store>,
    warehouse: Arc<dyn Warehouse>,
}

impl ArchivedStore {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, warehouse: Arc<dyn Warehouse>) -> Self {
        Self { inner, warehouse }
    }

    /// Adds old posts of some authors to a page that is not full. Returns `Incomplete`, with the recent posts, if the warehouse does not respond.
    async fn filled(
        &self,
        recent: Vec<Post>,
        authors: &[UserId],
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        match self.warehouse.posts_by(authors, page).await {
            Ok(old) => Ok(merged(recent, old, page.limit() as usize)),
            Err(error) => {
                tracing::warn!(%error, "could not read old posts");
                Err(StoreError::Incomplete(Arc::new(recent)))
            }
        }
    }

    /// As [`Self::filled`], but returns the recent posts alone if the warehouse does not respond.
    async fn filled_if_possible(
        &self,
        recent: Vec<Post>,
        author: UserId,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        match self.filled(recent, &[author], page).await {
            Err(StoreError::Incomplete(recent)) => Ok(Arc::unwrap_or_clone(recent)),
            filled => filled,
        }
    }

    /// Returns the error of a change of a post that the store does not have.
    async fn unchangeable<T>(&self, author: UserId, id: PostId) -> Result<T, StoreError> {
        let old = self.warehouse.post(id).await?;
        Err(match old.post.author == author {
            true => StoreError::Conflict("the post is too old to be changed".to_owned()),
            false => StoreError::Forbidden,
        })
    }
}

/// Merges lists of posts, newest first. A post in both is taken from the first: it may be newer.
fn merged(recent: Vec<Post>, old: Vec<Post>, count: usize) -> Vec<Post> {
    let mut all = recent;
    for post in old {
        let place = all.partition_point(|own| own.id > post.id);
        if all.get(place).is_none_or(|own| own.id != post.id) {
            all.insert(place, post);
        }
    }
    all.truncate(count);
    all
}

#[async_trait]
impl Store for ArchivedStore {
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
        match self.inner.post(id).await {
            Err(StoreError::NotFound) => Ok(self.warehouse.post(id).await?.post),
            found => found,
        }
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        match self.inner.update_post(author, id, edit).await {
            Err(StoreError::NotFound) => self.unchangeable(author, id).await,
            updated => updated,
        }
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        match self.inner.delete_post(author, id).await {
            Err(StoreError::NotFound) => self.unchangeable(author, id).await,
            deleted => deleted,
        }
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let recent = self.inner.posts_by(author, page).await?;
        match recent.len() < page.limit() as usize {
            true => self.filled_if_possible(recent, author, page).await,
            false => Ok(recent),
        }
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
        let recent = self.inner.feed(user, page).await?;
        if recent.len() >= page.limit() as usize {
            return Ok(recent);
        }
        let followees = self.inner.followees(user, FOLLOWEES_MAX).await?;
        self.filled(recent, &followees, page).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        let post = photo.post;
        match self.inner.put_photo(author, photo).await {
            Err(StoreError::NotFound) => self.unchangeable(author, post).await,
            put => put,
        }
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        match self.inner.photo(post).await {
            Err(StoreError::NotFound) => {
                let old = self.warehouse.post(post).await?;
                old.photo.ok_or(StoreError::NotFound)
            }
            found => found,
        }
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

    async fn shared_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        match self.inner.shared_post(id).await {
            Err(StoreError::NotFound) => Ok(Shared::new(self.warehouse.post(id).await?.post)),
            found => found,
        }
    }

    async fn shared_user(&self, id: UserId) -> Result<Arc<Shared<User>>, StoreError> {
        self.inner.shared_user(id).await
    }

    async fn shared_posts_by(
        &self,
        author: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        let recent = self.inner.shared_posts_by(author, page).await?;
        if recent.len() >= page.limit() as usize {
            return Ok(recent);
        }
        let recent = PostList::clone(&recent).into_posts();
        let posts = self.filled_if_possible(recent, author, page).await?;
        Ok(Shared::new(PostList::new(posts)))
    }

    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        let recent = self.inner.shared_feed(user, page).await?;
        if recent.len() >= page.limit() as usize {
            return Ok(recent);
        }
        let followees = self.inner.followees(user, FOLLOWEES_MAX).await?;
        let recent = PostList::clone(&recent).into_posts();
        let posts = self.filled(recent, &followees, page).await?;
        Ok(Shared::new(PostList::new(posts)))
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
    use crate::store::contract;
    use crate::store::{MemoryStore, contract::new_post, contract::new_user};
    use crate::warehouse::mover::tests::memory::MemoryWarehouse;

    #[tokio::test]
    async fn satisfies_contract_of_stores() {
        contract::is_kept(async || {
            let inner = Arc::new(MemoryStore::default());
            Arc::new(ArchivedStore::new(
                inner,
                Arc::new(MemoryWarehouse::default()),
            )) as Arc<dyn Store>
        })
        .await;
    }

    #[tokio::test]
    async fn old_posts_are_read_and_not_changed() {
        let inner = Arc::new(MemoryStore::default());
        let author = inner.create_user(new_user("author")).await.unwrap().id;
        let reader = inner.create_user(new_user("reader")).await.unwrap().id;
        inner.follow(reader, author, Timestamp(0)).await.unwrap();
        let mut ids = Vec::new();
        for number in 0..6 {
            let post = new_post(author, &format!("post {number}"));
            ids.insert(0, inner.create_post(post).await.unwrap().id);
        }
        // The three oldest are in the warehouse, the middle one still in both.
        let warehouse = Arc::new(MemoryWarehouse::default());
        for id in &ids[3..] {
            let copy = crate::store::sharded::PostCopy {
                post: inner.post(*id).await.unwrap(),
                photo: None,
            };
            warehouse.put(&[copy], 1).await.unwrap();
        }
        for id in &ids[4..] {
            inner.delete_post(author, *id).await.unwrap();
        }
        let store = ArchivedStore::new(inner, warehouse.clone());
        let page = |before, limit| Page::new(before, limit);
        let of = |posts: Vec<Post>| posts.iter().map(|own| own.id).collect::<Vec<_>>();
        assert_eq!(
            of(store.posts_by(author, page(None, 10)).await.unwrap()),
            ids
        );
        assert_eq!(of(store.feed(reader, page(None, 10)).await.unwrap()), ids);
        assert_eq!(
            of(store.feed(reader, page(Some(ids[2]), 2)).await.unwrap()),
            ids[3..5]
        );
        let shared = store
            .shared_posts_by(author, page(Some(ids[0]), 4))
            .await
            .unwrap();
        assert_eq!(of(PostList::clone(&shared).into_posts()), ids[1..5]);
        let shared = store.shared_feed(reader, page(None, 5)).await.unwrap();
        assert_eq!(of(PostList::clone(&shared).into_posts()), ids[..5]);
        assert_eq!(store.post(ids[5]).await.unwrap().content, "post 0");
        assert_eq!(store.shared_post(ids[5]).await.unwrap().id, ids[5]);
        let deleted = store.delete_post(author, ids[5]).await;
        assert!(
            matches!(deleted, Err(StoreError::Conflict(_))),
            "{deleted:?}"
        );
        let foreign = store.delete_post(reader, ids[5]).await;
        assert_eq!(foreign, Err(StoreError::Forbidden));
        let unknown = store.delete_post(author, PostId(1 << 40)).await;
        assert_eq!(unknown, Err(StoreError::NotFound));
        // A dead warehouse costs old posts alone.
        warehouse.fail_after(0, false);
        let posts = store.posts_by(author, page(None, 10)).await.unwrap();
        assert_eq!(of(posts), ids[..4]);
        let feed = store.feed(reader, page(None, 10)).await.unwrap_err();
        assert!(matches!(feed, StoreError::Incomplete(posts) if posts.len() == 4));
        assert_eq!(store.feed(reader, page(None, 3)).await.unwrap().len(), 3);
    }
}
