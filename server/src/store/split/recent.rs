//! Recent writes, which replicas may not show yet.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::model::{PostId, UserId};

/// Maximum number of tracked writes. Above it, everything counts as recently written.
const MARKS_MAX: usize = 65_536;

/// Part of the data changed by a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// A post or its photo.
    Post(PostId),
    /// A user, including counters.
    User(UserId),
    /// The list of a user's posts.
    PostsOf(UserId),
    /// The followees of a user.
    FollowedBy(UserId),
}

impl Mark {
    /// Returns the marks of a follow or unfollow.
    pub(super) fn of_follow(follower: UserId, followee: UserId) -> Vec<Self> {
        vec![
            Self::User(follower),
            Self::User(followee),
            Self::FollowedBy(follower),
        ]
    }

    /// Returns the key in the shared cache.
    pub(super) fn shared(self, namespace: &str) -> Bytes {
        let (kind, number) = match self {
            Self::Post(id) => ("post", id.0),
            Self::User(id) => ("user", id.0),
            Self::PostsOf(id) => ("posts", id.0),
            Self::FollowedBy(id) => ("followees", id.0),
        };
        Bytes::from(format!("{namespace}:recent:{kind}:{number}"))
    }
}

/// Writes of this process younger than the maximum lag.
#[derive(Debug)]
pub(super) struct Recent {
    retention: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    written: HashMap<Mark, Instant>,
    order: VecDeque<(Mark, Instant)>,
    /// Time at which everything counts as written.
    everything: Option<Instant>,
}

impl Recent {
    pub(super) fn new(retention: Duration) -> Self {
        Self {
            retention,
            state: Mutex::default(),
        }
    }

    /// Records that the marked data was written by `now`.
    pub(super) fn add(&self, marks: &[Mark], now: Instant) {
        let mut state = self.state();
        self.drop_old(&mut state, now);
        if state.order.len() + marks.len() > MARKS_MAX {
            state.written.clear();
            state.order.clear();
            state.everything = Some(now);
            return;
        }
        for mark in marks {
            state.written.insert(*mark, now);
            state.order.push_back((*mark, now));
        }
    }

    /// Records that everything was written by `now`.
    pub(super) fn add_everything(&self, now: Instant) {
        self.state().everything = Some(now);
    }

    /// Returns the time of the newest marked write. `None` if every replica in use shows it.
    pub(super) fn newest(&self, marks: &[Mark], now: Instant) -> Option<Instant> {
        let state = self.state();
        let written = marks.iter().filter_map(|mark| state.written.get(mark));
        let newest = written.copied().chain(state.everything).max()?;
        (now.saturating_duration_since(newest) <= self.retention).then_some(newest)
    }

    fn drop_old(&self, state: &mut State, now: Instant) {
        while let Some((mark, at)) = state.order.front().copied() {
            if now.saturating_duration_since(at) <= self.retention {
                return;
            }
            state.order.pop_front();
            if state.written.get(&mark) == Some(&at) {
                state.written.remove(&mark);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: Duration = Duration::from_secs(1);

    fn mark(number: i64) -> Mark {
        Mark::Post(PostId(number))
    }

    #[test]
    fn newest_write_counts_until_replicated() {
        let recent = Recent::new(RETENTION);
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        recent.add(&[mark(1), mark(2)], at(0));
        recent.add(&[mark(1)], at(500));
        assert_eq!(recent.newest(&[mark(1), mark(2)], at(600)), Some(at(500)));
        assert_eq!(recent.newest(&[mark(2)], at(600)), Some(at(0)));
        assert_eq!(recent.newest(&[mark(3)], at(600)), None);
        assert_eq!(recent.newest(&[mark(2)], at(1_001)), None);
        assert_eq!(recent.newest(&[mark(1)], at(1_400)), Some(at(500)));
        recent.add(&[mark(4)], at(1_400));
        assert_eq!(recent.state().written.len(), 2);
        recent.add_everything(at(1_450));
        assert_eq!(recent.newest(&[mark(9)], at(1_460)), Some(at(1_450)));
    }

    #[test]
    fn too_many_writes_cover_everything() {
        let recent = Recent::new(RETENTION);
        let now = Instant::now();
        for number in 0..=MARKS_MAX as i64 {
            recent.add(&[mark(number)], now);
        }
        assert_eq!(recent.newest(&[mark(-1)], now), Some(now));
        assert!(recent.state().order.len() <= MARKS_MAX);
    }
}
