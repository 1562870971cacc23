//! Federation and sharding: a database for users and follows, and several for posts, by author.
//!
//! # Placement
//! Each author belongs to one of 1,024 buckets, and each bucket to one shard; the shard map in the database of the
//! users says which. The identifier of a post contains its bucket. A process polls the map several times a second.
//! When a bucket has moved, the shard itself refuses writes with an old map, and reads with a map that may be old
//! are checked against the shard. So a late process loses nothing and reads nothing stale.
//!
//! # What a join was
//! - A post has its author's handle from a copy of the author on the shard, made with the first post.
//! - A user's number of posts is counted on the shard and joined by a second call.
//! - A feed reads the followed users from one database, and asks each shard that has some of them for their newest
//!   posts, at the same time and within a deadline.
//!
//! # Guarantees
//! - No transaction spans two databases, and no write needs two: users and follows are written in one, posts with
//!   their photos and counts in another.
//! - A dead shard costs the posts of its own authors. Feeds are read from the others and say so
//!   ([`StoreError::Incomplete`]).
//! - Identifiers of one author's posts always ascend. Those of different authors ascend within a process, and
//!   otherwise as far as the clocks agree.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use moka::sync::Cache;

use self::finishing::Finishing;
use self::member::Member;
use self::post_authors::PostAuthors;
use self::post_ids::PostIds;
use self::routes::Routes;
use super::{FeedTable, Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod bucket;
mod calling;
mod calls;
mod fan_out;
mod finishing;
mod hottest;
mod member;
mod notes;
mod post_authors;
mod post_ids;
mod relief;
mod resharding;
mod routes;
mod shard;
mod shard_map;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod share;
mod status;

pub use bucket::{BUCKETS, Bucket, SEQUENTIAL_IDS};
pub use calls::ShardCalls;
pub use relief::HotBucket;
pub use resharding::{Goal, Moved, Mover};
pub(in crate::store) use shard::taken_over;
pub use shard::{Advance, Directory, Holding, HoldingState, PostChange, PostCopy, Shard};
pub use shard_map::{Move, ShardMap, ShardMapError};
#[cfg(any(feature = "mysql", feature = "sqlite"))]
pub use share::Share;
pub use status::{ShardStatus, ShardsStatus, Spreading};

/// Users whose handles a process keeps. Handles never change.
const HANDLES_MAX: u64 = 100_000;
/// Followed users whose posts make a feed, at most; the oldest users count.
const FOLLOWEES_MAX: u32 = 10_000;
/// Time for which a call waits for a bucket that is changing shards.
const MOVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Time after which a process finishes the move that a call waits for: its mover may have died.
const MOVER_TIMEOUT: Duration = Duration::from_millis(500);
/// Time to finish a move.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before another attempt.
const MOVE_PAUSE: Duration = Duration::from_millis(10);

/// Options of a [`ShardedStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardedOptions {
    /// Time after which a feed is answered without the shards that have not responded.
    pub feed_time: Duration,
}

impl Default for ShardedOptions {
    fn default() -> Self {
        Self {
            feed_time: Duration::from_millis(500),
        }
    }
}

/// Store over a database of users and several of posts.
pub struct ShardedStore {
    core: Arc<Core>,
}

impl fmt::Debug for ShardedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedStore")
            .field("users", &self.core.users)
            .field("shards", &self.core.members)
            .finish_non_exhaustive()
    }
}

struct Core {
    users: Arc<dyn Directory>,
    members: BTreeMap<String, Member>,
    routes: Routes,
    ids: PostIds,
    handles: Cache<UserId, Arc<str>>,
    post_authors: PostAuthors,
    mover: Arc<Mover>,
    finishing: Arc<Finishing>,
    spreading: Mutex<Spreading>,
    incomplete_feeds: AtomicU64,
    options: ShardedOptions,
}

impl ShardedStore {
    /// Opens a store with named shards. The first time, it spreads the buckets evenly over them. Spawns a background
    /// task, so it needs a runtime.
    ///
    /// # Errors
    /// `Invalid` if a shard of the map is not among those given, or a name is not valid. `Conflict` if the database
    /// of the users has posts. Otherwise the errors of the databases; but a shard that is down only at a later start
    /// costs its own authors.
    pub async fn open(
        users: Arc<dyn Directory>,
        shards: Vec<(String, Arc<dyn Shard>)>,
        options: ShardedOptions,
    ) -> Result<Self, StoreError> {
        let names: Vec<String> = shards.iter().map(|(name, _)| name.clone()).collect();
        let first =
            ShardMap::even(&names).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let is_new = routes::read(&*users).await?.is_none();
        if is_new
            && !routes::replace(&*users, &first).await?
            && routes::read(&*users).await?.is_none()
        {
            return Err(StoreError::Conflict(
                "the database of the users has posts, which shards would hide; use an empty one"
                    .to_owned(),
            ));
        }
        let routes = Routes::open(Arc::clone(&users)).await?;
        let map = routes.known().map;
        if let Some(unknown) = map.shards().iter().find(|name| !names.contains(name)) {
            return Err(StoreError::Invalid(format!(
                "the store has a shard `{unknown}`, which is not given; its shards are {}",
                map.shards().join(", ")
            )));
        }
        for (name, shard) in &shards {
            // Later versions began with shards that know their buckets.
            let own: Vec<Bucket> = match map.version() {
                1 => map.buckets_of(name).collect(),
                _ => Vec::new(),
            };
            match shard.prepare(&own).await {
                Err(error @ StoreError::Unavailable(_)) if !is_new => {
                    tracing::warn!(%error, shard = name, "a shard is down; going on without it");
                }
                prepared => prepared?,
            }
        }
        let movable = shards.iter().cloned().collect();
        let mover = Arc::new(Mover::new(Arc::clone(&users), movable));
        let members = shards
            .into_iter()
            .map(|(name, store)| (name.clone(), Member::new(name, store)))
            .collect();
        let core = Arc::new(Core {
            users,
            members,
            routes,
            ids: PostIds::default(),
            handles: Cache::new(HANDLES_MAX),
            post_authors: PostAuthors::default(),
            mover,
            finishing: Arc::default(),
            spreading: Mutex::default(),
            incomplete_feeds: AtomicU64::new(0),
            options,
        });
        let polled = Arc::downgrade(&core);
        tokio::spawn(async move {
            while let Some(core) = polled.upgrade() {
                core.routes.refresh().await;
                drop(core);
                tokio::time::sleep(routes::POLL).await;
            }
        });
        Ok(Self { core })
    }
}

impl ShardedStore {
    /// Returns the database of users and follows, which also has the written feeds.
    #[must_use]
    pub fn directory(&self) -> Arc<dyn FeedTable> {
        Arc::clone(&self.core.users) as Arc<dyn FeedTable>
    }
}

#[async_trait]
impl Store for ShardedStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        self.core.users.create_user(new).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.core.users.credentials(handle).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.core.note_author(id);
        let counted = self
            .core
            .read(Bucket::of_author(id), move |shard| async move {
                match shard.user(id).await {
                    Ok(author) => Ok(author.posts),
                    Err(StoreError::NotFound) => Ok(0),
                    Err(error) => Err(error),
                }
            });
        let (user, posts) = tokio::join!(self.core.users.user(id), counted);
        Ok(User {
            posts: posts?,
            ..user?
        })
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.core.users.create_session(new).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.core.users.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.core.users.delete_session(token).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        new.check()?;
        let core = &self.core;
        core.note_author(new.author);
        let handle = core.handle(new.author).await?;
        let bucket = Bucket::of_author(new.author);
        let proposed = core.ids.propose(bucket, SystemTime::now());
        let post = core
            .write(bucket, |shard| {
                let (new, handle) = (new.clone(), Arc::clone(&handle));
                async move { shard.create_post_in(bucket, proposed, new, &handle).await }
            })
            .await?;
        core.ids.observe(post.id);
        Ok(post)
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        let bucket = self.core.bucket_of(id).await?;
        self.core
            .read(bucket, move |shard| async move { shard.post(id).await })
            .await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        self.core.note_author(author);
        let bucket = self.core.bucket_of(id).await?;
        self.core
            .write(bucket, |shard| {
                let edit = edit.clone();
                async move { shard.update_post_in(bucket, author, id, edit).await }
            })
            .await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.core.note_author(author);
        let bucket = self.core.bucket_of(id).await?;
        self.core
            .write(bucket, |shard| async move {
                shard.delete_post_in(bucket, author, id).await
            })
            .await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.core.note_author(author);
        let posts = self
            .core
            .read(Bucket::of_author(author), move |shard| async move {
                shard.posts_by(author, page).await
            })
            .await;
        if matches!(posts, Err(StoreError::NotFound)) {
            // Has not posted, or does not exist.
            self.core.handle(author).await?;
            return Ok(Vec::new());
        }
        posts
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.core.users.follow(follower, followee, at).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.core.users.unfollow(follower, followee).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.core.users.followees(user, limit).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let followees = self.core.users.followees(user, FOLLOWEES_MAX).await?;
        if followees.is_empty() {
            self.core.handle(user).await?;
        }
        fan_out::newest_posts(&self.core, followees, page).await
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        fan_out::posts_with(&self.core, ids).await
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        fan_out::newest_posts(&self.core, authors, page).await
    }

    async fn recount(&self, user: UserId) -> Result<u64, StoreError> {
        let of_users = self.core.users.recount(user).await?;
        let of_posts = self
            .core
            .read(Bucket::of_author(user), move |shard| async move {
                match shard.recount(user).await {
                    // Has not posted.
                    Err(StoreError::NotFound) => Ok(0),
                    counted => counted,
                }
            })
            .await?;
        Ok(of_users + of_posts)
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        let bucket = self.core.bucket_of(post).await?;
        self.core
            .write(bucket, |shard| async move {
                shard.set_has_photo_in(bucket, post).await
            })
            .await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        let bucket = self.core.bucket_of(photo.post).await?;
        self.core
            .write(bucket, |shard| {
                let photo = photo.clone();
                async move { shard.put_photo_in(bucket, author, photo).await }
            })
            .await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        let bucket = self.core.bucket_of(post).await?;
        self.core
            .read(bucket, move |shard| async move { shard.photo(post).await })
            .await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        let core = &self.core;
        // First, because it notices other data.
        let mut loaded = core.users.load_users(Arc::clone(&content)).await?;
        let map = core.routes.known().map;
        // Buckets only move once everything is loaded, and the posts move with them.
        if loaded.reused && map.version() > 1 {
            return Ok(loaded);
        }
        for name in map.shards() {
            let Some(member) = core.members.get(name) else {
                continue;
            };
            let own = map.buckets_of(name).collect();
            let share = member.store.load_posts(Arc::clone(&content), own).await?;
            loaded.reused &= share.reused;
        }
        Ok(loaded)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Not the shards: a process without one of them serves all other authors.
        self.core.users.ping().await
    }

    async fn close(&self) {
        self.core.users.close().await;
        for member in self.core.members.values() {
            member.store.close().await;
        }
    }

    fn write_stats(&self) -> WriteStats {
        let shards = self.core.members.values();
        let shards = shards.map(|member| member.store.write_stats());
        shards.fold(self.core.users.write_stats(), WriteStats::plus)
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.core.users.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.core.users.newest_beat(origin).await
    }
}

#[cfg(test)]
mod tests;
