//! What was written lately, and so may not be on a replica yet.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::model::{PostId, UserId};

/// The most writes that are remembered one by one. Beyond, everything counts as written lately.
const MARKS_MAX: usize = 65_536;

/// Something that was written, as far as reads go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// A post or its photo.
    Post(PostId),
    /// A user, with what is counted of them.
    User(UserId),
    /// The list of a user's posts.
    PostsOf(UserId),
    /// Whom a user follows.
    FollowedBy(UserId),
}

impl Mark {
    /// What following, or following no more, writes.
    pub(super) fn of_follow(follower: UserId, followee: UserId) -> Vec<Self> {
        vec![
            Self::User(follower),
            Self::User(followee),
            Self::FollowedBy(follower),
        ]
    }

    /// The key in the shared cache.
    pub(super) fn shared(self, namespace: &str) -> Bytes {
        let (what, number) = match self {
            Self::Post(id) => ("post", id.0),
            Self::User(id) => ("user", id.0),
            Self::PostsOf(id) => ("posts", id.0),
            Self::FollowedBy(id) => ("followees", id.0),
        };
        Bytes::from(format!("{namespace}:recent:{what}:{number}"))
    }
}

/// The writes of this process that are younger than a replica that is read may be behind.
#[derive(Debug)]
pub(super) struct Recent {
    kept: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    written: HashMap<Mark, Instant>,
    order: VecDeque<(Mark, Instant)>,
    /// When everything counts as written.
    everything: Option<Instant>,
}

impl Recent {
    pub(super) fn new(kept: Duration) -> Self {
        Self {
            kept,
            state: Mutex::default(),
        }
    }

    /// Remembers that something was written by `now`.
    pub(super) fn add(&self, marks: &[Mark], now: Instant) {
        let mut state = self.state();
        self.forget_old(&mut state, now);
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

    /// Remembers that everything was written by `now`.
    pub(super) fn everything(&self, now: Instant) {
        self.state().everything = Some(now);
    }

    /// When the newest of the marks was written, where that is not so long ago that every replica that
    /// is read shows it.
    pub(super) fn newest(&self, marks: &[Mark], now: Instant) -> Option<Instant> {
        let state = self.state();
        let written = marks.iter().filter_map(|mark| state.written.get(mark));
        let newest = written.copied().chain(state.everything).max()?;
        (now.saturating_duration_since(newest) <= self.kept).then_some(newest)
    }

    fn forget_old(&self, state: &mut State, now: Instant) {
        while let Some((mark, at)) = state.order.front().copied() {
            if now.saturating_duration_since(at) <= self.kept {
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

    const KEPT: Duration = Duration::from_secs(1);

    fn mark(number: i64) -> Mark {
        Mark::Post(PostId(number))
    }

    #[test]
    fn the_newest_write_counts_for_as_long_as_it_matters() {
        let recent = Recent::new(KEPT);
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
        recent.everything(at(1_450));
        assert_eq!(recent.newest(&[mark(9)], at(1_460)), Some(at(1_450)));
    }

    #[test]
    fn too_many_writes_are_everything() {
        let recent = Recent::new(KEPT);
        let now = Instant::now();
        for number in 0..=MARKS_MAX as i64 {
            recent.add(&[mark(number)], now);
        }
        assert_eq!(recent.newest(&[mark(-1)], now), Some(now));
        assert!(recent.state().order.len() <= MARKS_MAX);
    }
}
