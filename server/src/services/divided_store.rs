//! Store of a part: it has the users, or asks for them, and asks for the posts.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Call, Remote, ask};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};
use crate::store::{Store, StoreError, WriteStats};

/// Followed users whose posts make a feed, at most.
const FOLLOWEES_MAX: u32 = 10_000;

/// Users of a part.
#[derive(Debug)]
pub(crate) enum Users {
    /// In its own database.
    Here(Arc<dyn Store>),
    /// In another part, which alone changes them.
    There(Arc<dyn Remote>),
}

/// Store of a part: it has the users, or asks for them, and asks for the posts. Posts are created, edited and deleted in their
/// own part.
#[derive(Debug)]
pub(crate) struct DividedStore {
    users: Users,
    posts: Arc<dyn Remote>,
}

impl DividedStore {
    /// Combines the users with the part that has the posts.
    pub(crate) fn new(users: Users, posts: Arc<dyn Remote>) -> Self {
        Self { users, posts }
    }

    /// Returns the store of the users, to change them.
    fn users(&self) -> Result<&dyn Store, StoreError> {
        match &self.users {
            Users::Here(store) => Ok(&**store),
            Users::There(_) => Err(elsewhere("users")),
        }
    }
}

fn elsewhere(part: &str) -> StoreError {
    StoreError::Other(format!(
        "this process does not change {part}: that is the service of the {part}"
    ))
}

#[async_trait]
impl Store for DividedStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        self.users()?.create_user(new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.users()?.credentials(handle).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        ask(&*self.posts, &Call::User { id }).await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.users()?.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.users()?.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.users()?.delete_session(token).await
    }

    async fn create_post(&self, _: NewPost) -> Result<Post, StoreError> {
        Err(elsewhere("posts"))
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        ask(&*self.posts, &Call::Post { id }).await
    }

    async fn update_post(&self, _: UserId, _: PostId, _: PostEdit) -> Result<Post, StoreError> {
        Err(elsewhere("posts"))
    }

    async fn delete_post(&self, _: UserId, _: PostId) -> Result<Option<Photo>, StoreError> {
        Err(elsewhere("posts"))
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let page = page.into();
        ask(&*self.posts, &Call::PostsBy { author, page }).await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.users()?.follow(follower, followee, at).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.users()?.unfollow(follower, followee).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        match &self.users {
            Users::Here(store) => store.followees(user, limit).await,
            Users::There(remote) => ask(&**remote, &Call::Followees { user, limit }).await,
        }
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let authors = self.followees(user, FOLLOWEES_MAX).await?;
        if authors.is_empty() {
            // Follows nobody, or does not exist.
            self.user(user).await?;
            return Ok(Vec::new());
        }
        self.posts_by_any(authors, page).await
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        ask(&*self.posts, &Call::PostsWith { ids }).await
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        let page = page.into();
        ask(&*self.posts, &Call::PostsByAny { authors, page }).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        ask(&*self.posts, &Call::PutPhoto { author, photo }).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        ask(&*self.posts, &Call::Photo { post }).await
    }

    async fn load(&self, _: Arc<Content>) -> Result<Loaded, StoreError> {
        Err(elsewhere("posts"))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        match &self.users {
            Users::Here(store) => store.ping().await,
            Users::There(remote) => ask(&**remote, &Call::Ping).await,
        }
    }

    async fn close(&self) {
        if let Users::Here(store) = &self.users {
            store.close().await;
        }
    }

    fn write_stats(&self) -> WriteStats {
        match &self.users {
            Users::Here(store) => store.write_stats(),
            Users::There(_) => WriteStats::default(),
        }
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.users()?.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.users()?.newest_beat(origin).await
    }
}
