//! Write-behind: edits of posts that are acknowledged before they are stored.
//!
//! Limited to edits. Their result is known in advance, they may be stored late or superseded by a later one,
//! and a lost edit leaves the post as it was. Other writes assign identifiers, change counters, or affect
//! security, as a log-out does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry::Value;
use super::{Core, writes};
use crate::model::{Post, PostEdit, PostId, UserId};
use crate::store::{PostList, Shared, StoreError};

/// Edits not stored yet, at most one per post.
#[derive(Debug, Default)]
pub(super) struct WriteBehind {
    count: AtomicUsize,
    numbers: AtomicU64,
    edits: Mutex<HashMap<PostId, QueuedEdit>>,
}

#[derive(Clone, Debug)]
pub(super) struct QueuedEdit {
    author: UserId,
    edit: PostEdit,
    since: Instant,
    number: u64,
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
        edits.insert(id, queued);
        self.count.store(edits.len(), Ordering::Release);
        true
    }

    /// Removes the edit of a post that is being deleted.
    pub(super) fn remove_edit(&self, id: PostId) -> Option<QueuedEdit> {
        if self.len() == 0 {
            return None;
        }
        let mut edits = self.edits();
        let dropped = edits.remove(&id);
        self.count.store(edits.len(), Ordering::Release);
        dropped
    }

    /// Restores a removed edit after the deletion failed.
    pub(super) fn restore(&self, id: PostId, queued: QueuedEdit) {
        let mut edits = self.edits();
        edits.entry(id).or_insert(queued);
        self.count.store(edits.len(), Ordering::Release);
    }

    /// Returns the number of posts with a queued edit.
    pub(super) fn len(&self) -> u64 {
        self.count.load(Ordering::Acquire) as u64
    }

    /// Applies queued edits to posts.
    pub(super) fn apply_to(&self, posts: &mut [Post]) {
        if self.len() == 0 {
            return;
        }
        let edits = self.edits();
        for post in posts {
            if let Some(queued) = edits.get(&post.id) {
                edited(post, &queued.edit);
            }
        }
    }

    /// Like [`apply_to`](Self::apply_to), for a value of any kind.
    pub(super) fn apply(&self, value: &mut Value) {
        if self.len() == 0 {
            return;
        }
        let has_edit = |posts: &[Arc<Shared<Post>>]| {
            let edits = self.edits();
            posts.iter().any(|post| edits.contains_key(&post.id))
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

    fn all(&self) -> Vec<(PostId, QueuedEdit)> {
        let edits = self.edits();
        edits
            .iter()
            .map(|(id, queued)| (*id, queued.clone()))
            .collect()
    }

    /// Removes an edit unless it was superseded. Returns true if removed.
    fn remove(&self, id: PostId, number: u64) -> bool {
        let mut edits = self.edits();
        let current = edits.get(&id).is_some_and(|queued| queued.number == number);
        if current {
            edits.remove(&id);
            self.count.store(edits.len(), Ordering::Release);
        }
        current
    }

    fn edits(&self) -> MutexGuard<'_, HashMap<PostId, QueuedEdit>> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner)
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

async fn flush(core: &Arc<Core>, retry_period: Duration) {
    for (id, queued) in core.behind.all() {
        let stored = core.store.update_post(queued.author, id, queued.edit).await;
        match &stored {
            Ok(_) => core.counters.behind_stored.add(1),
            // The store may accept it later.
            Err(StoreError::Unavailable(_) | StoreError::Full(_))
                if queued.since.elapsed() < retry_period =>
            {
                continue;
            }
            Err(_) => {}
        }
        // A superseded edit, or one of a deleted post, is no loss.
        if core.behind.remove(id, queued.number)
            && let Err(error) = &stored
        {
            core.counters.behind_lost.add(1);
            tracing::error!(post = id.0, %error, "lost an acknowledged edit");
        }
        // Another process may have read the store in the meantime.
        writes::post_changed(core, queued.author, id).await;
    }
}
