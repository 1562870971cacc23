//! In-memory store, for tests and as the reference of the contract suite.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use super::write_stats::{WriteCounters, WriteStats};
use super::{NotedPost, Popularity, Repair, Store, StoreError};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod feeds;

/// In-memory store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: RwLock<Tables>,
    counters: WriteCounters,
    /// Each call lets others go first, so that a test can choose the order.
    #[cfg(test)]
    pub(crate) takes_turns: std::sync::atomic::AtomicBool,
}

#[derive(Debug, Default)]
struct Tables {
    users: BTreeMap<UserId, (User, String)>,
    handles: HashMap<String, UserId>,
    sessions: HashMap<TokenDigest, (UserId, Timestamp)>,
    posts: BTreeMap<PostId, Post>,
    posts_by: HashMap<UserId, BTreeSet<PostId>>,
    followees: HashMap<UserId, BTreeSet<UserId>>,
    photos: HashMap<PostId, Photo>,
    beats: HashMap<i64, (i64, Timestamp)>,
    feeds: HashMap<UserId, BTreeMap<PostId, UserId>>,
    /// Version and floor of each written feed.
    heads: HashMap<UserId, (i64, PostId)>,
    popular: BTreeMap<UserId, Popularity>,
    repairs: BTreeMap<Timestamp, Repair>,
    /// Posts that may not be in all feeds yet. `None` if they are not noted.
    outbox: Option<BTreeMap<PostId, NotedPost>>,
    last_post: i64,
    fingerprint: Option<String>,
    closed: bool,
}

impl MemoryStore {
    fn read(&self) -> Result<RwLockReadGuard<'_, Tables>, StoreError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        if tables.closed {
            Err(closed())
        } else {
            Ok(tables)
        }
    }

    /// Lets others go first, in some tests.
    #[cfg(test)]
    async fn turn(&self) {
        use std::sync::atomic::Ordering;
        if self.takes_turns.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    #[cfg(not(test))]
    async fn turn(&self) {}

    fn write(&self) -> Result<RwLockWriteGuard<'_, Tables>, StoreError> {
        let tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if tables.closed {
            return Err(closed());
        }
        self.counters.batch(1);
        self.counters.commit();
        Ok(tables)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

impl Tables {
    fn user(&mut self, id: UserId) -> Result<&mut User, StoreError> {
        self.users
            .get_mut(&id)
            .map(|(user, _)| user)
            .ok_or(StoreError::NotFound)
    }

    /// Returns the post if `author` wrote it.
    fn own_post(&mut self, author: UserId, id: PostId) -> Result<&mut Post, StoreError> {
        let post = self.posts.get_mut(&id).ok_or(StoreError::NotFound)?;
        if post.author == author {
            Ok(post)
        } else {
            Err(StoreError::Forbidden)
        }
    }

    fn insert_post(&mut self, post: Post) {
        self.last_post = self.last_post.max(post.id.0);
        self.posts_by
            .entry(post.author)
            .or_default()
            .insert(post.id);
        self.posts.insert(post.id, post);
    }

    fn newest(&self, author: UserId, page: Page) -> impl Iterator<Item = PostId> {
        let before = page.before().unwrap_or(PostId(i64::MAX));
        self.posts_by.get(&author).into_iter().flat_map(move |ids| {
            ids.range(..before)
                .rev()
                .take(page.limit() as usize)
                .copied()
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        new.check()?;
        let mut tables = self.write()?;
        if tables.handles.contains_key(&new.handle) {
            return Err(StoreError::Conflict(format!(
                "the handle `{}` is taken",
                new.handle
            )));
        }
        let id = UserId(tables.users.last_key_value().map_or(1, |(id, _)| id.0 + 1));
        let user = User {
            id,
            handle: new.handle.clone(),
            created_at: new.created_at,
            followers: 0,
            following: 0,
            posts: 0,
        };
        tables.handles.insert(new.handle, id);
        tables.users.insert(id, (user.clone(), new.password_hash));
        Ok(user)
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        let tables = self.read()?;
        let user = *tables.handles.get(handle).ok_or(StoreError::NotFound)?;
        let (_, password_hash) = tables.users.get(&user).ok_or(StoreError::NotFound)?;
        Ok(Credentials {
            user,
            password_hash: password_hash.clone(),
        })
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        tables
            .users
            .get(&id)
            .map(|(user, _)| user.clone())
            .ok_or(StoreError::NotFound)
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        let mut tables = self.write()?;
        tables.user(new.user)?;
        tables
            .sessions
            .retain(|_, (_, expires_at)| *expires_at > new.created_at);
        if tables.sessions.contains_key(&new.token) {
            return Err(StoreError::Conflict("the token is in use".to_owned()));
        }
        tables
            .sessions
            .insert(new.token, (new.user, new.expires_at));
        Ok(())
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        let tables = self.read()?;
        let (user, expires_at) = *tables.sessions.get(token).ok_or(StoreError::NotFound)?;
        if expires_at > now {
            Ok(LiveSession { user, expires_at })
        } else {
            Err(StoreError::NotFound)
        }
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.write()?.sessions.remove(token);
        Ok(())
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        new.check()?;
        self.turn().await;
        let mut tables = self.write()?;
        let id = PostId(tables.last_post + 1);
        let author = tables.user(new.author)?;
        author.posts += 1;
        let post = Post {
            id,
            author: new.author,
            author_handle: author.handle.clone(),
            content: new.content,
            html: new.html,
            created_at: new.created_at,
            updated_at: new.created_at,
            has_photo: false,
        };
        tables.insert_post(post.clone());
        if let Some(outbox) = &mut tables.outbox {
            let note = NotedPost {
                post: id,
                author: new.author,
                created_at: new.created_at,
            };
            outbox.insert(id, note);
        }
        Ok(post)
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.turn().await;
        self.read()?
            .posts
            .get(&id)
            .cloned()
            .ok_or(StoreError::NotFound)
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        let mut tables = self.write()?;
        let post = tables.own_post(author, id)?;
        post.content = edit.content;
        post.html = edit.html;
        post.updated_at = edit.updated_at;
        Ok(post.clone())
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        tables.own_post(author, id)?;
        tables.posts.remove(&id);
        if let Some(ids) = tables.posts_by.get_mut(&author) {
            ids.remove(&id);
        }
        tables.user(author)?.posts -= 1;
        Ok(tables.photos.remove(&id))
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        let tables = self.read()?;
        if !tables.users.contains_key(&author) {
            return Err(StoreError::NotFound);
        }
        Ok(tables
            .newest(author, page)
            .filter_map(|id| tables.posts.get(&id))
            .cloned()
            .collect())
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        _at: Timestamp,
    ) -> Result<bool, StoreError> {
        if follower == followee {
            return Err(super::follows_themselves());
        }
        self.turn().await;
        let mut tables = self.write()?;
        tables.user(follower)?;
        tables.user(followee)?;
        let new = tables
            .followees
            .entry(follower)
            .or_default()
            .insert(followee);
        if new {
            tables.user(follower)?.following += 1;
            tables.user(followee)?.followers += 1;
            tables.spoil(follower);
        }
        Ok(new)
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let followees = tables.followees.get_mut(&follower);
        let was = followees.is_some_and(|followees| followees.remove(&followee));
        if was {
            tables.user(follower)?.following -= 1;
            tables.user(followee)?.followers -= 1;
        }
        Ok(was)
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let tables = self.read()?;
        let followees = tables.followees.get(&user).into_iter().flatten();
        Ok(followees.take(limit as usize).copied().collect())
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        if !tables.users.contains_key(&user) {
            return Err(StoreError::NotFound);
        }
        let followees = tables.followees.get(&user).into_iter().flatten();
        let mut ids: Vec<PostId> = followees
            .flat_map(|followee| tables.newest(*followee, page))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(page.limit() as usize);
        Ok(ids
            .iter()
            .filter_map(|id| tables.posts.get(id))
            .cloned()
            .collect())
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let found = ids.iter().filter_map(|id| tables.posts.get(id));
        Ok(found.cloned().collect())
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let ids = authors
            .iter()
            .flat_map(|author| tables.newest(*author, page));
        let posts = ids.filter_map(|id| tables.posts.get(&id)).cloned();
        Ok(super::newest(posts.collect(), page.limit()))
    }

    async fn recount(&self, user: UserId) -> Result<u64, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let count = |found: usize| found as u64;
        let followers = tables.followers(user).count();
        let following = tables.followees.get(&user).map_or(0, BTreeSet::len);
        let posts = tables.posts_by.get(&user).map_or(0, BTreeSet::len);
        let own = tables.user(user)?;
        let mut wrong = 0;
        for (counter, counted) in [
            (&mut own.followers, count(followers)),
            (&mut own.following, count(following)),
            (&mut own.posts, count(posts)),
        ] {
            wrong += u64::from(*counter != counted);
            *counter = counted;
        }
        Ok(wrong)
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let post = tables.posts.get_mut(&post).ok_or(StoreError::NotFound)?;
        post.has_photo = true;
        Ok(())
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        let mut tables = self.write()?;
        tables.own_post(author, photo.post)?;
        super::require_later(tables.photos.get(&photo.post), &photo)?;
        tables.own_post(author, photo.post)?.has_photo = true;
        Ok(tables.photos.insert(photo.post, photo))
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.read()?
            .photos
            .get(&post)
            .cloned()
            .ok_or(StoreError::NotFound)
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        let mut tables = self.write()?;
        let fingerprint = content.data_set().fingerprint();
        if tables.fingerprint.as_ref() == Some(&fingerprint) {
            return Ok(content.loaded(true));
        }
        if tables.fingerprint.is_some() || !tables.users.is_empty() {
            return Err(super::other_data(
                tables.fingerprint.as_deref(),
                &fingerprint,
            ));
        }
        for user in content.users() {
            tables.handles.insert(user.handle.clone(), user.id);
            tables
                .users
                .insert(user.id, (user, content.password_hash().to_owned()));
        }
        for (follower, followee) in content.follows() {
            tables
                .followees
                .entry(follower)
                .or_default()
                .insert(followee);
        }
        for post in content.posts() {
            tables.insert_post(post);
        }
        tables.fingerprint = Some(fingerprint);
        Ok(content.loaded(false))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read().map(drop)
    }

    async fn close(&self) {
        self.tables
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
    }

    fn write_stats(&self) -> WriteStats {
        self.counters.snapshot(0)
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        // Not counted: heartbeats are not requested by clients.
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if tables.closed {
            return Err(closed());
        }
        let retained = Timestamp(at.0 - super::BEAT_RETENTION_MS);
        tables
            .beats
            .retain(|_, (_, beaten_at)| *beaten_at > retained);
        tables.beats.insert(origin, (number, at));
        Ok(())
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        let beat = self.read()?.beats.get(&origin).copied();
        Ok(beat.map(|(number, _)| number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    #[tokio::test]
    async fn satisfies_contract() {
        contract::is_kept(async || Arc::new(MemoryStore::default()) as Arc<dyn Store>).await;
    }
}
