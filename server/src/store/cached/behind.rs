//! Write-behind: edits of posts that are answered before they are stored.
//!
//! Only edits: what they answer is known beforehand (the post is there, and whose it is), they may be
//! stored late and in place of each other, and one that is lost leaves the post as it was. Whatever else
//! is written hands out a number or counts something, or is a promise of safety as a log-out is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry::Value;
use super::{Core, writes};
use crate::model::{Post, PostEdit, PostId, UserId};
use crate::store::{PostList, Shared, StoreError};

/// The edits that are not stored yet, at most one a post.
#[derive(Debug, Default)]
pub(super) struct Behind {
    count: AtomicUsize,
    numbers: AtomicU64,
    edits: Mutex<HashMap<PostId, Waiting>>,
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    author: UserId,
    edit: PostEdit,
    since: Instant,
    number: u64,
}

impl Behind {
    /// Takes an edit, in place of the one that waited; false where there is no room.
    pub(super) fn take(&self, author: UserId, id: PostId, edit: PostEdit, max: usize) -> bool {
        let mut edits = self.edits();
        let before = edits.get(&id).map(|waiting| waiting.since);
        if before.is_none() && edits.len() >= max {
            return false;
        }
        let waiting = Waiting {
            author,
            edit,
            // The store has been behind since the first of them.
            since: before.unwrap_or_else(Instant::now),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
        };
        edits.insert(id, waiting);
        self.count.store(edits.len(), Ordering::Release);
        true
    }

    /// Drops the edit of a post that is deleted.
    pub(super) fn drop_edit(&self, id: PostId) -> Option<Waiting> {
        if self.len() == 0 {
            return None;
        }
        let mut edits = self.edits();
        let dropped = edits.remove(&id);
        self.count.store(edits.len(), Ordering::Release);
        dropped
    }

    /// Puts back what was dropped for a deletion that came to nothing.
    pub(super) fn put_back(&self, id: PostId, waiting: Waiting) {
        let mut edits = self.edits();
        edits.entry(id).or_insert(waiting);
        self.count.store(edits.len(), Ordering::Release);
    }

    /// How many posts have an edit that is not stored.
    pub(super) fn len(&self) -> u64 {
        self.count.load(Ordering::Acquire) as u64
    }

    /// Makes posts what their edits made them.
    pub(super) fn apply_to(&self, posts: &mut [Post]) {
        if self.len() == 0 {
            return;
        }
        let edits = self.edits();
        for post in posts {
            if let Some(waiting) = edits.get(&post.id) {
                edited(post, &waiting.edit);
            }
        }
    }

    /// As [`apply_to`](Self::apply_to), for whatever was read.
    pub(super) fn apply(&self, value: &mut Value) {
        if self.len() == 0 {
            return;
        }
        let concerned = |posts: &[Arc<Shared<Post>>]| {
            let edits = self.edits();
            posts.iter().any(|post| edits.contains_key(&post.id))
        };
        match value {
            Value::Post(post) if concerned(std::slice::from_ref(post)) => {
                let mut one = Post::clone(post);
                self.apply_to(std::slice::from_mut(&mut one));
                *post = Shared::new(one);
            }
            Value::Posts(posts) | Value::Feed(posts, _) if concerned(posts) => {
                let mut all = PostList::clone(posts).into_posts();
                self.apply_to(&mut all);
                *posts = Shared::new(PostList::new(all));
            }
            _ => {}
        }
    }

    fn all(&self) -> Vec<(PostId, Waiting)> {
        let edits = self.edits();
        edits
            .iter()
            .map(|(id, waiting)| (*id, waiting.clone()))
            .collect()
    }

    /// Removes an edit, unless another came in its place; says whether it was there.
    fn remove(&self, id: PostId, number: u64) -> bool {
        let mut edits = self.edits();
        let there = edits
            .get(&id)
            .is_some_and(|waiting| waiting.number == number);
        if there {
            edits.remove(&id);
            self.count.store(edits.len(), Ordering::Release);
        }
        there
    }

    fn edits(&self) -> MutexGuard<'_, HashMap<PostId, Waiting>> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a post what an edit makes it.
pub(super) fn edited(post: &mut Post, edit: &PostEdit) {
    post.content.clone_from(&edit.content);
    post.html.clone_from(&edit.html);
    post.updated_at = edit.updated_at;
}

/// Stores edits at intervals, for as long as the store is in use.
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

/// Stores all edits before the store is closed. What it does not take then is lost, and counted.
pub(super) async fn flush_at_the_end(core: &Arc<Core>) {
    flush(core, Duration::ZERO).await;
}

async fn flush(core: &Arc<Core>, patience: Duration) {
    for (id, waiting) in core.behind.all() {
        let stored = core
            .store
            .update_post(waiting.author, id, waiting.edit)
            .await;
        match &stored {
            Ok(_) => core.counters.behind_stored.add(1),
            // It may be taken another time.
            Err(StoreError::Unavailable(_) | StoreError::Full(_))
                if waiting.since.elapsed() < patience =>
            {
                continue;
            }
            Err(_) => {}
        }
        // Not where another came in its place, or the post was deleted: nobody misses it then.
        if core.behind.remove(id, waiting.number)
            && let Err(error) = &stored
        {
            core.counters.behind_lost.add(1);
            tracing::error!(post = id.0, %error, "an edit that was answered is lost");
        }
        // Another process may have read the store in between.
        writes::post_changed(core, waiting.author, id).await;
    }
}
