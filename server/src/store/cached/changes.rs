//! What this process has changed of late: what the feeds that it keeps are checked against.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::UserId;

/// How many changes are remembered. At 400 writes/s that is 20 s, far longer than a feed is kept; a feed
/// from before the oldest is taken to have changed.
const REMEMBERED: usize = 8_192;

/// Something that changes feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A post of this user came, went or became another.
    PostOf(UserId),
    /// This user follows others than before.
    FollowedBy(UserId),
}

/// The changes, numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Changes {
    newest: AtomicU64,
    last: Mutex<VecDeque<Change>>,
}

impl Changes {
    /// The number of the newest change.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, change: Change) {
        let mut last = self.last();
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(change);
        // Under the lock, so that numbers and places agree.
        self.newest.fetch_add(1, Ordering::Release);
    }

    /// Whether none of the changes after number `since` `concerns` the caller; if so, the number of
    /// the newest that was looked at.
    pub(super) fn none_since(&self, since: u64, concerns: impl Fn(Change) -> bool) -> Option<u64> {
        if self.newest() == since {
            return Some(since);
        }
        let last = self.last();
        let newest = self.newest();
        let new = usize::try_from(newest.saturating_sub(since)).ok()?;
        let known = last.len().checked_sub(new)?;
        (!last.range(known..).any(|change| concerns(*change))).then_some(newest)
    }

    fn last(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_counts() {
        let changes = Changes::default();
        let by = |user| move |change| change == Change::PostOf(UserId(user));
        assert_eq!(changes.none_since(0, by(1)), Some(0));
        changes.add(Change::PostOf(UserId(1)));
        changes.add(Change::PostOf(UserId(2)));
        assert_eq!(changes.none_since(0, by(1)), None);
        assert_eq!(changes.none_since(1, by(1)), Some(2));
        assert_eq!(changes.none_since(0, by(3)), Some(2));
    }

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let changes = Changes::default();
        for _ in 0..REMEMBERED {
            changes.add(Change::FollowedBy(UserId(1)));
        }
        assert_eq!(changes.none_since(0, |_| false), Some(REMEMBERED as u64));
        changes.add(Change::FollowedBy(UserId(1)));
        assert_eq!(changes.none_since(0, |_| false), None);
        assert_eq!(
            changes.none_since(1, |_| false),
            Some(REMEMBERED as u64 + 1)
        );
    }
}
