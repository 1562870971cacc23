//! Writes: to the store, and then out of the caches or into them.
//!
//! Each runs in a task of its own, so that the caches learn of what was stored whether or not somebody
//! still waits for the answer. An outcome that is not known (`Unavailable`) counts as a change.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use bytes::Bytes;

use super::behind::edited;
use super::changes::Change;
use super::entry::{Entry, Envelope, Value};
use super::key::Key;
use super::{Core, UpdatePolicy};
use crate::model::{
    LiveSession, NewPost, NewSession, NewUser, Photo, Post, PostEdit, PostId, Timestamp,
    TokenDigest, User, UserId,
};
use crate::store::{Shared, StoreError};

type Written<T> = Result<T, StoreError>;

/// Runs a write to its end, whoever waits for it.
async fn to_the_end<T: Send + 'static>(
    core: &Core,
    write: impl Future<Output = Written<T>> + Send + 'static,
) -> Written<T> {
    core.open()?;
    match tokio::spawn(write).await {
        Ok(written) => written,
        Err(error) => Err(StoreError::Unavailable(format!(
            "a write was cut short: {error}"
        ))),
    }
}

/// Whether a write that ended so may have changed something.
fn may_have_changed<T>(written: &Written<T>) -> bool {
    !matches!(
        written,
        Err(StoreError::Invalid(_)
            | StoreError::Conflict(_)
            | StoreError::NotFound
            | StoreError::Forbidden
            | StoreError::Full(_))
    )
}

impl Core {
    /// Takes keys out of both layers: the shared one first, so that nobody here fills the other from
    /// it afterwards.
    async fn forget(&self, keys: &[Key]) {
        let shared: Vec<Bytes> = keys
            .iter()
            .filter(|key| !matches!(key, Key::Feed(..)))
            .map(|key| key.shared(&self.options.namespace))
            .collect();
        self.forget_shared(&shared).await;
        for key in keys {
            self.front.forget(key);
        }
    }

    async fn forget_shared(&self, keys: &[Bytes]) {
        match self.cache.delete_many(keys).await {
            Ok(()) => self.counters.shared.invalidations.add(keys.len() as u64),
            Err(_) => {
                self.counters.shared.errors.add(1);
                self.owed.add(keys);
            }
        }
    }

    /// Whether writes put what they made into the cache.
    fn puts(&self) -> bool {
        let policy = self.options.policy;
        self.options.content.objects()
            && matches!(
                policy,
                UpdatePolicy::WriteThrough | UpdatePolicy::WriteBehind
            )
    }

    /// Marks a key as being written. Replaces a lease to load it, which is not honoured then.
    async fn begin_put(&self, key: &Key) -> Option<Put> {
        if !self.puts() {
            return None;
        }
        let shared = key.shared(&self.options.namespace);
        let lease = Envelope::writing(self.leases.next());
        let set = self.cache.set(&shared, lease.clone(), self.options.lease);
        set.await.ok()?;
        Some(Put { key: shared, lease })
    }

    /// Puts a value where the mark of this write still is. Where another write has put its own mark since,
    /// nobody can tell which was last: the key goes.
    async fn end_put(&self, put: Put, value: &Value) {
        let ttl = self.ttl(value);
        let put_in = match Envelope::seal(value, ttl) {
            Some(sealed) => self.cache.replace(&put.key, &put.lease, sealed, ttl).await,
            None => Ok(false),
        };
        if put_in == Ok(true) {
            self.counters.shared.fills.add(1);
        } else {
            self.forget_shared(&[put.key]).await;
        }
    }

    /// Puts a value that is new: where somebody has put something meanwhile, that is newer.
    async fn put_new(&self, key: &Key, value: &Value) {
        if !self.puts() {
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

/// A key that is being written.
struct Put {
    key: Bytes,
    lease: Bytes,
}

/// A post is another than it was: itself and all pages that it may be on.
pub(super) async fn post_changed(core: &Core, author: UserId, id: PostId) {
    forget_of(core, author, &[Key::Post(id)]).await;
}

/// Forgets the pages that a post of this user may be on, and what else there is of it.
///
/// The change is noted before and after. Before, so that a page that is being amended (see `post_created`) is not,
/// or is forgotten afterwards; after, so that a feed that has meanwhile taken posts from a page that was not
/// forgotten yet (see `pages`) is read anew.
async fn forget_of(core: &Core, author: UserId, also: &[Key]) {
    core.changes.add(Change::PostOf(author));
    core.forget(&[also, &Key::pages_of(author)].concat()).await;
    core.changes.add(Change::PostOf(author));
}

/// What was so when something began to be written.
struct Before<const N: usize> {
    began: Instant,
    /// The newest change.
    change: u64,
    /// The users of whom it counts something, and the load that what was known of them here came from.
    counted: [(UserId, Option<Instant>); N],
}

impl<const N: usize> Before<N> {
    fn now(core: &Core, counted: [UserId; N]) -> Self {
        Self {
            began: Instant::now(),
            change: core.changes.newest(),
            counted: counted.map(|user| (user, core.front.begun(&Key::User(user)))),
        }
    }
}

/// Counts something of a user, after the shared cache has forgotten them: in what this process knows, where
/// it has known it since before the writing began. What was read since may be with it or without. A count that
/// would be below nothing, as when two writes are told the other way round, is read anew.
fn count(
    core: &Core,
    counted: (UserId, Option<Instant>),
    count: impl FnOnce(&mut User) -> Option<()>,
) {
    let (user, known) = counted;
    core.front
        .amend(&Key::User(user), |entry| match &entry.value {
            Value::User(user) if known == Some(entry.begun) => {
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

/// A post came: the process adds it to what it knows, since it knows all that there is to add. Others have
/// to read anew.
async fn post_created(core: &Core, post: &Arc<Shared<Post>>, before: &Before<1>) {
    let (author, since) = (post.author, before.change);
    let user = Key::User(author);
    let pages = Key::pages_of(author);
    let key = Key::Post(post.id);
    let put = core.begin_put(&key).await;
    // That there is no such post may be known.
    let keys = [user, pages[0], pages[1], key].map(|key| key.shared(&core.options.namespace));
    let keys = if put.is_some() { &keys[..3] } else { &keys };
    core.forget_shared(keys).await;
    match put {
        // Who changes it notes that first, and then takes away what is here.
        Some(put) if !core.changes.post_changed_since(author, since) => {
            core.end_put(put, &Value::Post(Arc::clone(post))).await;
        }
        Some(put) => core.forget_shared(&[put.key]).await,
        None => {}
    }
    core.front.forget(&key);
    for page in &pages {
        core.front.amend(page, |entry| match (&entry.value, page) {
            (Value::Posts(posts), Key::Posts(_, limit))
                if !core.changes.post_changed_since(author, since) =>
            {
                let posts = posts.with(std::slice::from_ref(post), *limit as usize);
                Some(Entry {
                    value: Value::Posts(Shared::new(posts)),
                    // What another process did to this post meanwhile is shown for as long as may be, no
                    // longer.
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
            // That there is no such user may be known.
            let [short, long] = Key::pages_of(user.id);
            let keys = [Key::User(user.id), Key::Followees(user.id), short, long];
            core.forget(&keys).await;
            core.changes.add(Change::FollowedBy(user.id));
            let value = Value::User(Shared::new(user.clone()));
            core.put_new(&Key::User(user.id), &value).await;
        }
        written
    };
    to_the_end(at, write).await
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
            core.forget(&[key]).await;
        }
        if written.is_ok() {
            core.put_new(&key, &Value::Session(session)).await;
        }
        written
    };
    to_the_end(at, write).await
}

pub(super) async fn delete_session(at: &Arc<Core>, token: TokenDigest) -> Written<()> {
    let core = Arc::clone(at);
    let write = async move {
        let written = core.store.delete_session(&token).await;
        if may_have_changed(&written) {
            core.forget(&[Key::Session(token)]).await;
        }
        written
    };
    to_the_end(at, write).await
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
            forget_of(&core, author, &[Key::User(author)]).await;
        }
        written
    };
    to_the_end(at, write).await
}

pub(super) async fn update_post(
    at: &Arc<Core>,
    author: UserId,
    id: PostId,
    edit: PostEdit,
) -> Written<Post> {
    let core = Arc::clone(at);
    let write = async move {
        let put = core.begin_put(&Key::Post(id)).await;
        let written = core.store.update_post(author, id, edit).await;
        match (&written, put) {
            (Ok(post), Some(put)) => {
                post_put(&core, put, post).await;
            }
            (_, Some(_)) => post_changed(&core, author, id).await,
            (written, None) if may_have_changed(written) => post_changed(&core, author, id).await,
            _ => {}
        }
        written
    };
    to_the_end(at, write).await
}

/// Answers an edit that is to be stored later; stores it now where too many wait already.
pub(super) async fn update_post_behind(
    at: &Arc<Core>,
    author: UserId,
    post: Arc<Shared<Post>>,
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
            Some(put) => post_put(&core, put, &post).await,
            None => post_changed(&core, author, post.id).await,
        }
        Ok(post)
    };
    to_the_end(at, write).await
}

/// A post is another than it was, and goes into the shared cache as it is now.
async fn post_put(core: &Core, put: Put, post: &Post) {
    core.changes.add(Change::PostOf(post.author));
    core.end_put(put, &Value::Post(Shared::new(post.clone())))
        .await;
    core.front.forget(&Key::Post(post.id));
    forget_of(core, post.author, &[]).await;
}

pub(super) async fn delete_post(
    at: &Arc<Core>,
    author: UserId,
    id: PostId,
) -> Written<Option<Photo>> {
    let core = Arc::clone(at);
    let write = async move {
        let edit = core.behind.drop_edit(id);
        let written = core.store.delete_post(author, id).await;
        if let (Err(_), Some(edit)) = (&written, edit) {
            core.behind.put_back(id, edit);
        }
        if may_have_changed(&written) {
            let also = [Key::Photo(id), Key::User(author), Key::Post(id)];
            forget_of(&core, author, &also).await;
        }
        if written.is_ok() {
            core.put_new(&Key::Post(id), &Value::Absent).await;
        }
        written
    };
    to_the_end(at, write).await
}

/// Follows since `since`, or no more.
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
                core.forget_shared(&keys.map(|key| key.shared(&core.options.namespace)))
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
                    // Somebody else has written the same, of which this process knows nothing.
                    users.iter().for_each(|user| core.front.forget(user));
                }
                core.changes
                    .add_follow(follower, followee, since.is_some(), before.change);
            }
            Err(_) if may_have_changed(&written) => {
                core.changes.add(Change::FollowedBy(follower));
                core.forget(&keys).await;
            }
            Err(_) => {}
        }
        written
    };
    to_the_end(at, write).await
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
        let written = core.store.put_photo(author, photo).await;
        match put {
            Some(put) if written.is_ok() => {
                core.end_put(put, &value).await;
                core.front.forget(&key);
            }
            Some(_) => core.forget(&[key]).await,
            None if may_have_changed(&written) => core.forget(&[key]).await,
            None => {}
        }
        if may_have_changed(&written) {
            post_changed(&core, author, id).await;
        }
        written
    };
    to_the_end(at, write).await
}
