//! Write-behind: edits of posts that are acknowledged before they are stored.
//!
//! Limited to edits. Their result is known in advance, they may be stored late or superseded by a later one,
//! and a lost edit leaves the post as it was. Other writes assign identifiers, change counters, or affect
//! security, as a log-out does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::direct_writes::DirectWrites;
use super::entry::Value;
use super::{Core, writes};
use crate::model::{Post, PostEdit, PostId, UserId};
use crate::store::{PostList, Shared, StoreError};

/// Edits not stored yet, at most one per post.
///
/// A read applies the edits that were queued when it started, and those queued when it ends. An edit leaves the
/// queue after it is stored and the caches are invalidated: a read that starts later finds it there.
#[derive(Debug, Default)]
pub(super) struct WriteBehind {
    count: AtomicUsize,
    numbers: AtomicU64,
    /// Copied on write while a read uses it.
    edits: Mutex<Arc<Edits>>,
    /// Writes of posts that are not queued.
    pub(super) direct: DirectWrites,
}

type Edits = HashMap<PostId, Arc<QueuedEdit>>;

#[derive(Debug)]
struct QueuedEdit {
    author: UserId,
    edit: PostEdit,
    since: Instant,
    number: u64,
}

/// Edits that a read has to apply to its posts.
#[derive(Debug)]
pub(super) struct ReadEdits<'a> {
    queue: &'a WriteBehind,
    /// Edits queued when the read started. `None` without any.
    earlier: Option<Arc<Edits>>,
}

impl WriteBehind {
    /// Queues an edit, replacing the queued one of the same post. Returns false if the queue is full.
    pub(super) fn take(&self, author: UserId, id: PostId, edit: PostEdit, max: usize) -> bool {
        let mut edits = self.edits();
        let previous = edits.get(&id).map(|queued| queued.since);
        if previous.is_none() && edits.len() >= max {
            return false;
        }
        let queued = QueuedEdit {
            author,
            edit,
            // The store has lagged since the first of them.
            since: previous.unwrap_or_else(Instant::now),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
        };
        Arc::make_mut(&mut edits).insert(id, Arc::new(queued));
        self.count.store(edits.len(), Ordering::Release);
        true
    }

    /// Discards the edit of a deleted post.
    pub(super) fn discard(&self, id: PostId) {
        if self.len() > 0 {
            self.remove_if(id, |_| true);
        }
    }

    /// Returns the number of posts with a queued edit.
    pub(super) fn len(&self) -> u64 {
        self.count.load(Ordering::Acquire) as u64
    }

    /// Starts a read, from a cache or the store.
    pub(super) fn read(&self) -> ReadEdits<'_> {
        ReadEdits {
            queue: self,
            earlier: self.queued(),
        }
    }

    /// Returns all queued edits. `None` without any.
    fn queued(&self) -> Option<Arc<Edits>> {
        (self.len() > 0).then(|| Arc::clone(&self.edits()))
    }

    /// Removes an edit unless it was superseded. Returns true if removed.
    fn remove(&self, id: PostId, number: u64) -> bool {
        self.remove_if(id, |queued| queued.number == number)
    }

    fn remove_if(&self, id: PostId, matches: impl FnOnce(&QueuedEdit) -> bool) -> bool {
        let mut edits = self.edits();
        let found = edits.get(&id).is_some_and(|queued| matches(queued));
        if found {
            Arc::make_mut(&mut edits).remove(&id);
            self.count.store(edits.len(), Ordering::Release);
        }
        found
    }

    fn edits(&self) -> MutexGuard<'_, Arc<Edits>> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadEdits<'_> {
    /// Applies the edits to the posts that were read.
    pub(super) fn apply_to(self, posts: &mut [Post]) {
        for edits in self.layers() {
            for post in &mut *posts {
                if let Some(queued) = edits.get(&post.id) {
                    edited(post, &queued.edit);
                }
            }
        }
    }

    /// Like [`apply_to`](Self::apply_to), for a value of any kind.
    pub(super) fn apply(self, value: &mut Value) {
        let layers: Vec<_> = self.layers().collect();
        let has_edit = |posts: &[Arc<Shared<Post>>]| {
            let mut posts = posts.iter();
            posts.any(|post| layers.iter().any(|edits| edits.contains_key(&post.id)))
        };
        match value {
            Value::Post(post) if has_edit(std::slice::from_ref(post)) => {
                let mut one = Post::clone(post);
                self.apply_to(std::slice::from_mut(&mut one));
                *post = Shared::new(one);
            }
            Value::Posts(posts) | Value::Feed(posts, _) if has_edit(posts) => {
                let mut all = PostList::clone(posts).into_posts();
                self.apply_to(&mut all);
                *posts = Shared::new(PostList::new(all));
            }
            _ => {}
        }
    }

    /// Returns the edits queued at the start, then those queued now, which are newer.
    fn layers(&self) -> impl Iterator<Item = Arc<Edits>> {
        self.earlier.clone().into_iter().chain(self.queue.queued())
    }
}

/// Applies an edit to a post.
pub(super) fn edited(post: &mut Post, edit: &PostEdit) {
    post.content.clone_from(&edit.content);
    post.html.clone_from(&edit.html);
    post.updated_at = edit.updated_at;
}

/// Stores edits periodically, for as long as the store is in use.
pub(super) fn flush_in_background(core: &Arc<Core>) {
    let interval = core.options.flush_interval;
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            let Some(core) = core.upgrade() else {
                return;
            };
            if core.open().is_err() {
                return;
            }
            flush(&core, core.options.flush_patience).await;
        }
    });
}

/// Stores all edits before the store closes. Edits that fail are lost, and counted.
pub(super) async fn flush_before_close(core: &Arc<Core>) {
    flush(core, Duration::ZERO).await;
}

/// Stores all queued edits. Edits that fail are queued for the next time, or lost once they have waited for
/// `retry_period`.
pub(super) async fn flush(core: &Arc<Core>, retry_period: Duration) {
    let edits = core.behind.queued();
    for (&id, queued) in edits.as_deref().into_iter().flatten() {
        let (author, edit) = (queued.author, queued.edit.clone());
        match core.store.update_post(author, id, edit).await {
            Ok(_) => {
                // Another process may have read the store in the meantime. The edit is still applied to reads
                // that find the previous content in the cache.
                writes::post_changed(core, author, id).await;
                core.behind.remove(id, queued.number);
                core.counters.behind_stored.add(1);
            }
            // This process is deleting the post, and discards the edit.
            Err(StoreError::NotFound) if core.behind.direct.in_progress(id) => {}
            // The store may accept it later.
            Err(StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::Full(_))
                if queued.since.elapsed() < retry_period => {}
            Err(error) => {
                // A superseded edit, or one of a deleted post, is no loss.
                if core.behind.remove(id, queued.number) {
                    core.counters.behind_lost.add(1);
                    tracing::error!(post = id.0, %error, "lost an acknowledged edit");
                }
                // Reads may have applied it.
                writes::post_changed(core, author, id).await;
            }
        }
    }
}
