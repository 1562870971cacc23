//! Writes of posts that do not pass through the write-behind queue.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::PostId;

/// Deletions, photos and unqueued edits of posts by this process.
///
/// Each is registered before it reaches the store, until the caches are invalidated.
#[derive(Debug, Default)]
pub(super) struct DirectWrites(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Number of writes in progress, by post.
    in_progress: HashMap<PostId, usize>,
    finished: u64,
}

/// Registered write. Ends when dropped.
#[derive(Debug)]
pub(super) struct DirectWrite<'a> {
    writes: &'a DirectWrites,
    post: PostId,
}

impl DirectWrites {
    /// Registers a write of a post.
    pub(super) fn begin(&self, post: PostId) -> DirectWrite<'_> {
        *self.state().in_progress.entry(post).or_default() += 1;
        DirectWrite { writes: self, post }
    }

    /// Returns true if a write of this post is in progress.
    pub(super) fn in_progress(&self, post: PostId) -> bool {
        self.state().in_progress.contains_key(&post)
    }

    /// Returns the number of finished writes, of all posts.
    pub(super) fn finished(&self) -> u64 {
        self.state().finished
    }

    /// Returns true if a write of this post may have changed it after [`finished`](Self::finished) returned
    /// `since`. If any write has finished, it may have been one of this post.
    pub(super) fn may_have_changed(&self, post: PostId, since: u64) -> bool {
        let state = self.state();
        state.finished != since || state.in_progress.contains_key(&post)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DirectWrite<'_> {
    fn drop(&mut self) {
        let mut state = self.writes.state();
        state.finished += 1;
        if let Some(count) = state.in_progress.get_mut(&self.post) {
            *count -= 1;
            if *count == 0 {
                state.in_progress.remove(&self.post);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_counts_until_it_ends_and_once_it_ended() {
        let writes = DirectWrites::default();
        let [one, two] = [1, 2].map(PostId);
        let first = writes.begin(one);
        let since = writes.finished();
        let second = writes.begin(one);
        assert!(writes.may_have_changed(one, since) && !writes.may_have_changed(two, since));
        drop(first);
        assert!(writes.in_progress(one) && writes.may_have_changed(one, since));
        drop(second);
        assert!(!writes.in_progress(one) && writes.may_have_changed(one, since));
        assert!(!writes.may_have_changed(one, writes.finished()));
        assert!(writes.state().in_progress.is_empty());
    }
}
