//! Contracts of the store and of the sessions, kept by parts that call each other over HTTP.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::*;
use crate::cache::MemoryCache;
use crate::config::{Config, Role, ServiceOptions};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};
use crate::polyglot::{self, Sessions, StoreSessions};
use crate::serve::{Composed, Server, start_composed};
use crate::store::{CacheOptions, CachedStore, MemoryStore, Store, WriteStats, contract};

const KEY: &str = "a-key-of-the-parts";

/// Starts a part on a store.
async fn part(role: Role, store: Arc<dyn Store>) -> Server {
    composed_part(role, Composed::of(store)).await
}

async fn composed_part(role: Role, composed: Composed) -> Server {
    let folder = std::env::temp_dir().join("tenfold-no-files");
    let mut config = Config::new("memory:", format!("file:{}", folder.display()));
    config.admin = None;
    config.role = role;
    // No call here goes from posts to users.
    config.services = ServiceOptions {
        key: Some(KEY.to_owned()),
        users: Some("http://127.0.0.1:9".to_owned()),
        posts: None,
    };
    start_composed(config, composed).await.unwrap()
}

fn remote(part: &'static str, server: &Server) -> Arc<dyn Remote> {
    resolve(part, &format!("http://{}", server.address), KEY).unwrap()
}

/// The whole service: each call goes to the part whose routes make it.
#[derive(Debug)]
struct Parts {
    users: Arc<dyn Store>,
    posts: Arc<dyn Store>,
    /// Photos and feeds.
    others: Arc<dyn Store>,
    _servers: [Server; 2],
}

impl Parts {
    async fn start() -> Self {
        let base = Arc::new(MemoryStore::default());
        let posts_server = part(Role::Posts, base.clone()).await;
        let posts = remote("posts", &posts_server);
        let users = DividedStore::new(Users::Here(base.clone()), Arc::clone(&posts));
        let users: Arc<dyn Store> = Arc::new(users);
        let users_server = part(Role::Users, Arc::clone(&users)).await;
        let asked = Users::There(remote("users", &users_server));
        Self {
            users,
            posts: base,
            others: Arc::new(DividedStore::new(asked, posts)),
            _servers: [posts_server, users_server],
        }
    }
}

#[async_trait]
impl Store for Parts {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        self.users.create_user(new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.users.credentials(handle).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.users.user(id).await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.users.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.users.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.users.delete_session(token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        self.posts.create_post(new).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.others.post(id).await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        self.posts.update_post(author, id, edit).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.posts.delete_post(author, id).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.users.posts_by(author, page).await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.users.follow(follower, followee, at).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.users.unfollow(follower, followee).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.others.followees(user, limit).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.others.feed(user, page).await
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        self.others.posts_with(ids).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        self.others.put_photo(author, photo).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.others.photo(post).await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.posts.load(content).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.others.ping().await
    }

    async fn close(&self) {
        self.posts.close().await;
    }

    fn write_stats(&self) -> WriteStats {
        self.posts.write_stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.users.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.users.newest_beat(origin).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_keep_contract_of_store() {
    contract::is_kept(async || Arc::new(Parts::start().await) as Arc<dyn Store>).await;
}

/// Sessions that begin and end in the part with the users, and are read by another part.
#[derive(Debug)]
struct SessionsOfParts {
    users: StoreSessions,
    others: RemoteSessions,
    _server: Server,
}

#[async_trait]
impl Sessions for SessionsOfParts {
    async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        self.users.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.others.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.users.delete_session(token).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_keep_contract_of_sessions() {
    let store = Arc::new(MemoryStore::default());
    for number in 1..10 {
        let user = contract::new_user(&format!("user{number}"));
        store.create_user(user).await.unwrap();
    }
    let server = part(Role::Users, store.clone()).await;
    let sessions = SessionsOfParts {
        users: StoreSessions::new(store),
        others: RemoteSessions(remote("users", &server)),
        _server: server,
    };
    polyglot::contract::sessions(Arc::new(sessions)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_process_is_left_out_and_wrong_key_is_refused() {
    let store = Arc::new(MemoryStore::default());
    let user = store.create_user(contract::new_user("ada")).await.unwrap();
    let server = part(Role::Posts, store).await;
    let call = Call::User { id: user.id };
    // Nothing listens on the first address: each call is answered by the other one.
    let both = format!("http://127.0.0.1:9,{}", server.address);
    let both = resolve("posts", &both, KEY).unwrap();
    for _ in 0..20 {
        assert_eq!(ask::<User>(&*both, &call).await.unwrap().id, user.id);
    }
    let missing = Call::User { id: UserId(99) };
    let missing = ask::<User>(&*both, &missing).await;
    assert_eq!(missing, Err(StoreError::NotFound));
    let url = format!("http://{}", server.address);
    let wrong = resolve("posts", &url, "hunter2").unwrap();
    let error = ask::<User>(&*wrong, &call).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Other(why) if why.contains("403")),
        "{error}"
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let dead = resolve("posts", "http://127.0.0.1:9", KEY).unwrap();
    for _ in 0..5 {
        let error = ask::<User>(&*dead, &call).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
}

/// Both parts look in the same cache: the one that asks holds the lease of the value that it asks for.
#[tokio::test(flavor = "multi_thread")]
async fn call_does_not_wait_for_the_lease_of_its_caller() {
    let cache = Arc::new(MemoryCache::new(1 << 20));
    // Far longer than the time that a call may take.
    let options = CacheOptions {
        lease: Duration::from_secs(60),
        lease_wait: Duration::from_secs(50),
        ..CacheOptions::default()
    };
    let base = Arc::new(MemoryStore::default());
    let author = base.create_user(contract::new_user("ada")).await.unwrap();
    let post = contract::new_post(author.id, "x");
    let post = base.create_post(post).await.unwrap();
    let posts = Composed::of(base.clone()).cached(cache.clone(), options.clone());
    let posts_server = composed_part(Role::Posts, posts).await;
    let divided = DividedStore::new(Users::Here(base), remote("posts", &posts_server));
    let users = CachedStore::new(Arc::new(divided), cache, options);
    let reads = async {
        assert_eq!(users.user(author.id).await.unwrap().posts, 1);
        let page = Page::new(None, 10);
        assert_eq!(
            users.posts_by(author.id, page).await,
            Ok(vec![post.clone()])
        );
        assert_eq!(users.post(post.id).await, Ok(post));
    };
    timeout(Duration::from_secs(20), reads).await.unwrap();
}
