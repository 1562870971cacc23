//! Writes: to the store first, then to the caches.
//!
//! Each runs in a separate task, so that the caches are updated even if the caller was cancelled. An unknown
//! outcome (`Unavailable`) counts as a change.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use bytes::Bytes;

use super::changes::Change;
use super::entry::{Entry, Envelope, Value};
use super::key::Key;
use super::write_behind::edited;
use super::{Core, UpdatePolicy};
use crate::ledger;
use crate::model::{
    LiveSession, NewPost, NewSession, NewUser, Photo, Post, PostEdit, PostId, Timestamp,
    TokenDigest, User, UserId,
};
use crate::store::{Shared, StoreError};

type Written<T> = Result<T, StoreError>;

/// Runs a write to completion, even if the caller is cancelled.
async fn run_detached<T: Send + 'static>(
    core: &Core,
    write: impl Future<Output = Written<T>> + Send + 'static,
) -> Written<T> {
    core.open()?;
    match ledger::task(write).await {
        Ok(written) => written,
        Err(error) => Err(StoreError::Unavailable(format!(
            "a write was cancelled: {error}"
        ))),
    }
}

/// Returns true if a write with this outcome may have changed something.
fn may_have_changed<T>(written: &Written<T>) -> bool {
    !matches!(
        written,
        Err(StoreError::Invalid(_)
            | StoreError::Conflict(_)
            | StoreError::NotFound
            | StoreError::Forbidden
            | StoreError::Full(_)
            | StoreError::Busy(_))
    )
}

impl Core {
    /// Invalidates keys in both layers: the shared one first, so that no load fills the local one from it
    /// afterwards.
    async fn invalidate(&self, keys: &[Key]) {
        let shared: Vec<Bytes> = keys
            .iter()
            .filter(|key| !matches!(key, Key::Feed(..)))
            .map(|key| key.shared(&self.options.namespace))
            .collect();
        self.invalidate_shared(&shared).await;
        for key in keys {
            self.local.invalidate(key);
        }
    }

    async fn invalidate_shared(&self, keys: &[Bytes]) {
        match self.cache.delete_many(keys).await {
            Ok(()) => self.counters.shared.invalidations.add(keys.len() as u64),
            Err(_) => {
                self.counters.shared.errors.add(1);
                self.pending.add(keys);
            }
        }
    }

    /// Returns true if writes fill the cache.
    fn fills_on_write(&self) -> bool {
        let policy = self.options.policy;
        self.options.content.objects()
            && matches!(
                policy,
                UpdatePolicy::WriteThrough | UpdatePolicy::WriteBehind
            )
    }

    /// Marks a key as being written. Replaces any lease to load it, which is void then.
    async fn begin_put(&self, key: &Key) -> Option<WriteMark> {
        if !self.fills_on_write() {
            return None;
        }
        let shared = key.shared(&self.options.namespace);
        let lease = Envelope::writing(self.leases.next());
        let set = self.cache.set(&shared, lease.clone(), self.options.lease);
        set.await.ok()?;
        Some(WriteMark { key: shared, lease })
    }

    /// Sets a value if the mark of this write is still there. If another write has replaced it, their order is
    /// unknown, and the key is deleted.
    async fn end_put(&self, put: WriteMark, value: &Value) {
        let ttl = self.ttl(value);
        let replaced = match Envelope::seal(value, ttl) {
            Some(sealed) => self.cache.replace(&put.key, &put.lease, sealed, ttl).await,
            None => Ok(false),
        };
        if replaced == Ok(true) {
            self.counters.shared.fills.add(1);
        } else {
            self.invalidate_shared(&[put.key]).await;
        }
    }

    /// Sets a value that was just created. An existing value is newer, and stays.
    async fn put_new(&self, key: &Key, value: &Value) {
        if !self.fills_on_write() {
            return;
        }
        let ttl = self.ttl(value);
        let Some(sealed) = Envelope::seal(value, ttl) else {
            return;
        };
        let shared = key.shared(&self.options.namespace);
        if self.cache.set_if_absent(&shared, sealed, ttl).await == Ok(true) {
            self.counters.shared.fills.add(1);
        }
    }
}

/// Mark on a key that is being written.
struct WriteMark {
    key: Bytes,
    lease: Bytes,
}

/// Invalidates an edited post and all pages that may contain it.
pub(super) async fn post_changed(core: &Core, author: UserId, id: PostId) {
    invalidate_posts_of(core, author, &[Key::Post(id)]).await;
}

/// Invalidates the pages that may contain a post of this user, and the keys `also`.
///
/// The change is logged before and after. Before, to stop or undo a concurrent amendment of a page (see
/// `post_created`). After, so that a feed that took posts from a page not yet invalidated (see `pages`) is
/// reloaded.
async fn invalidate_posts_of(core: &Core, author: UserId, also: &[Key]) {
    core.changes.add(Change::PostOf(author));
    core.invalidate(&[also, &Key::pages_of(author)].concat())
        .await;
    core.changes.add(Change::PostOf(author));
}

/// State at the start of a write.
struct Before<const N: usize> {
    began: Instant,
    /// Number of the newest change.
    change: u64,
    /// Users whose counters change, with the start of the load of their local values.
    counted: [(UserId, Option<Instant>); N],
}

impl<const N: usize> Before<N> {
    fn now(core: &Core, counted: [UserId; N]) -> Self {
        Self {
            began: Instant::now(),
            change: core.changes.newest(),
            counted: counted.map(|user| (user, core.local.begun(&Key::User(user)))),
        }
    }
}

/// Updates a counter of a user in the local layer, after the shared cache was invalidated. Applies only to a
/// value loaded before the write started: a later one may already contain the change. If `count` returns
/// `None`, as for a counter below zero after writes logged in reverse order, the user is reloaded.
fn count(
    core: &Core,
    counted: (UserId, Option<Instant>),
    count: impl FnOnce(&mut User) -> Option<()>,
) {
    let (user, loaded) = counted;
    core.local
        .amend(&Key::User(user), |entry| match &entry.value {
            Value::User(user) if loaded == Some(entry.begun) => {
                let mut user = User::clone(user);
                count(&mut user)?;
                Some(Entry {
                    value: Value::User(Shared::new(user)),
                    begun: entry.begun,
                    checked: AtomicU64::new(0),
                })
            }
            _ => None,
        });
}

/// Adds a created post to the local layer, whose values it completes. Other processes have to reload.
async fn post_created(core: &Core, post: &Arc<Shared<Post>>, before: &Before<1>) {
    let (author, since) = (post.author, before.change);
    let user = Key::User(author);
    let pages = Key::pages_of(author);
    let key = Key::Post(post.id);
    let put = core.begin_put(&key).await;
    // The absence of this post may be cached.
    let keys = [user, pages[0], pages[1], key].map(|key| key.shared(&core.options.namespace));
    let keys = if put.is_some() { &keys[..3] } else { &keys };
    core.invalidate_shared(keys).await;
    match put {
        // A concurrent edit logs its change first, then deletes this value.
        Some(put) if !core.changes.post_changed_since(author, since) => {
            core.end_put(put, &Value::Post(Arc::clone(post))).await;
        }
        Some(put) => core.invalidate_shared(&[put.key]).await,
        None => {}
    }
    core.local.invalidate(&key);
    for page in &pages {
        core.local.amend(page, |entry| match (&entry.value, page) {
            (Value::Posts(posts), Key::Posts(_, limit))
                if !core.changes.post_changed_since(author, since) =>
            {
                let posts = posts.with(std::slice::from_ref(post), *limit as usize);
                Some(Entry {
                    value: Value::Posts(Shared::new(posts)),
                    // Another process may have edited this post since it was created: the page expires with it.
                    begun: entry.begun.min(before.began),
                    checked: AtomicU64::new(0),
                })
            }
            _ => None,
        });
    }
    count(core, before.counted[0], |user| {
        user.posts += 1;
        Some(())
    });
    core.changes.add_created(post, before.began, since);
}

pub(super) async fn create_user(at: &Arc<Core>, new: NewUser) -> Written<User> {
    let core = Arc::clone(at);
    let write = async move {
        let written = core.store.create_user(new).await;
        if let Ok(user) = &written {
            // The absence of this user may be cached.
            let [short, long] = Key::pages_of(user.id);
            let keys = [Key::User(user.id), Key::Followees(user.id), short, long];
            core.invalidate(&keys).await;
            core.changes.add(Change::FollowedBy(user.id));
            let value = Value::User(Shared::new(user.clone()));
            core.put_new(&Key::User(user.id), &value).await;
        }
        written
    };
    run_detached(at, write).await
}

pub(super) async fn create_session(at: &Arc<Core>, new: NewSession) -> Written<()> {
    let core = Arc::clone(at);
    let write = async move {
        let key = Key::Session(new.token);
        let session = LiveSession {
            user: new.user,
            expires_at: new.expires_at,
        };
        let written = core.store.create_session(new).await;
        if may_have_changed(&written) {
            core.invalidate(&[key]).await;
        }
        if written.is_ok() {
            core.put_new(&key, &Value::Session(session)).await;
        }
        written
    };
    run_detached(at, write).await
}

pub(super) async fn delete_session(at: &Arc<Core>, token: TokenDigest) -> Written<()> {
    let core = Arc::clone(at);
    let write = async move {
        let written = core.store.delete_session(&token).await;
        if may_have_changed(&written) {
            core.invalidate(&[Key::Session(token)]).await;
        }
        written
    };
    run_detached(at, write).await
}

pub(super) async fn create_post(at: &Arc<Core>, new: NewPost) -> Written<Post> {
    let core = Arc::clone(at);
    let write = async move {
        let author = new.author;
        let before = Before::now(&core, [author]);
        let written = core.store.create_post(new).await;
        if let Ok(post) = &written {
            let post = Shared::new(post.clone());
            post_created(&core, &post, &before).await;
        } else if may_have_changed(&written) {
            invalidate_posts_of(&core, author, &[Key::User(author)]).await;
        }
        written
    };
    run_detached(at, write).await
}

pub(super) async fn update_post(
    at: &Arc<Core>,
    author: UserId,
    id: PostId,
    edit: PostEdit,
) -> Written<Post> {
    let core = Arc::clone(at);
    let write = async move {
        let _direct = core.behind.direct.begin(id);
        let put = core.begin_put(&Key::Post(id)).await;
        let written = core.store.update_post(author, id, edit).await;
        match (&written, put) {
            (Ok(post), Some(put)) => {
                post_replaced(&core, put, post).await;
            }
            (_, Some(_)) => post_changed(&core, author, id).await,
            (written, None) if may_have_changed(written) => post_changed(&core, author, id).await,
            _ => {}
        }
        written
    };
    run_detached(at, write).await
}

/// Acknowledges an edit that is stored later. Stores it now if the queue is full. `direct_writes` is the number
/// of direct writes that had finished before the post was read.
pub(super) async fn update_post_behind(
    at: &Arc<Core>,
    author: UserId,
    post: Arc<Shared<Post>>,
    direct_writes: u64,
    edit: PostEdit,
) -> Written<Post> {
    if post.author != author {
        return Err(StoreError::Forbidden);
    }
    let max = at.options.flush_posts_max;
    if !at.behind.take(author, post.id, edit.clone(), max) {
        return update_post(at, author, post.id, edit).await;
    }
    let core = Arc::clone(at);
    let write = async move {
        let mut post = Post::clone(&post);
        edited(&mut post, &edit);
        match core.begin_put(&Key::Post(post.id)).await {
            // A direct write that starts from now on removes the value again. An earlier one may have deleted
            // the post, or stored its photo, after it was read.
            Some(put) if !core.behind.direct.may_have_changed(post.id, direct_writes) => {
                post_replaced(&core, put, &post).await;
            }
            _ => post_changed(&core, author, post.id).await,
        }
        Ok(post)
    };
    run_detached(at, write).await
}

/// Sets an edited post in the shared cache and invalidates the pages that may contain it.
async fn post_replaced(core: &Core, put: WriteMark, post: &Post) {
    core.changes.add(Change::PostOf(post.author));
    core.end_put(put, &Value::Post(Shared::new(post.clone())))
        .await;
    core.local.invalidate(&Key::Post(post.id));
    invalidate_posts_of(core, post.author, &[]).await;
}

pub(super) async fn delete_post(
    at: &Arc<Core>,
    author: UserId,
    id: PostId,
) -> Written<Option<Photo>> {
    let core = Arc::clone(at);
    let write = async move {
        let _direct = core.behind.direct.begin(id);
        let written = core.store.delete_post(author, id).await;
        if may_have_changed(&written) {
            let also = [Key::Photo(id), Key::User(author), Key::Post(id)];
            invalidate_posts_of(&core, author, &also).await;
        }
        if written.is_ok() {
            core.behind.discard(id);
            core.put_new(&Key::Post(id), &Value::Absent).await;
        }
        written
    };
    run_detached(at, write).await
}

/// Follows at time `since`, or unfollows if it is `None`.
pub(super) async fn follow(
    at: &Arc<Core>,
    follower: UserId,
    followee: UserId,
    since: Option<Timestamp>,
) -> Written<bool> {
    let core = Arc::clone(at);
    let write = async move {
        let before = Before::now(&core, [follower, followee]);
        let written = match since {
            Some(since) => core.store.follow(follower, followee, since).await,
            None => core.store.unfollow(follower, followee).await,
        };
        let users = [follower, followee].map(Key::User);
        let keys = [users[0], users[1], Key::Followees(follower)];
        match written {
            Ok(changed) => {
                core.invalidate_shared(&keys.map(|key| key.shared(&core.options.namespace)))
                    .await;
                if changed {
                    let now = |count: &mut u64| {
                        *count = match since {
                            Some(_) => *count + 1,
                            None => count.checked_sub(1)?,
                        };
                        Some(())
                    };
                    count(&core, before.counted[0], |user| now(&mut user.following));
                    count(&core, before.counted[1], |user| now(&mut user.followers));
                } else {
                    // Another process wrote the same, so local counters may be stale.
                    users.iter().for_each(|user| core.local.invalidate(user));
                }
                core.changes
                    .add_follow(follower, followee, since.is_some(), before.change);
            }
            Err(_) if may_have_changed(&written) => {
                core.changes.add(Change::FollowedBy(follower));
                core.invalidate(&keys).await;
            }
            Err(_) => {}
        }
        written
    };
    run_detached(at, write).await
}

pub(super) async fn put_photo(
    at: &Arc<Core>,
    author: UserId,
    photo: Photo,
) -> Written<Option<Photo>> {
    let core = Arc::clone(at);
    let write = async move {
        let key = Key::Photo(photo.post);
        let put = core.begin_put(&key).await;
        let value = Value::Photo(Arc::new(photo.clone()));
        let id = photo.post;
        let _direct = core.behind.direct.begin(id);
        let written = core.store.put_photo(author, photo).await;
        match put {
            Some(put) if written.is_ok() => {
                core.end_put(put, &value).await;
                core.local.invalidate(&key);
            }
            Some(_) => core.invalidate(&[key]).await,
            None if may_have_changed(&written) => core.invalidate(&[key]).await,
            None => {}
        }
        if may_have_changed(&written) {
            post_changed(&core, author, id).await;
        }
        written
    };
    run_detached(at, write).await
}
