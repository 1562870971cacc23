//! When a request has taken too long.
//!
//! Every request of a run may take equally long, so deadlines come in the order in which they were
//! set: a list in that order, with a place for each user, costs next to nothing where a timer for
//! each request would cost a good part of the request itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The deadlines of the requests that are under way, one at most for each user.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    list: Mutex<List>,
}

/// A user's place among the deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeadlineSlot(usize);

#[derive(Debug, Default)]
struct List {
    nodes: Vec<Node>,
    first: Option<usize>,
    last: Option<usize>,
}

#[derive(Debug, Default)]
struct Node {
    state: State,
    before: Option<usize>,
    after: Option<usize>,
    waker: Option<Waker>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Unset,
    Set {
        due_ns: u64,
    },
    Passed,
}

impl Deadlines {
    fn list(&self) -> MutexGuard<'_, List> {
        // Every change to the list is complete before the lock is let go.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a place for one more user.
    pub(crate) fn join(&self) -> DeadlineSlot {
        let mut list = self.list();
        list.nodes.push(Node::default());
        DeadlineSlot(list.nodes.len() - 1)
    }

    /// Sets a user's deadline, which must not lie before one that was set earlier; `waker` is woken
    /// when it passes.
    pub(crate) fn set(&self, place: DeadlineSlot, due_ns: u64, waker: &Waker) {
        let mut list = self.list();
        list.unlink(place.0);
        let last = list.last.replace(place.0);
        match last {
            Some(last) => list.nodes[last].after = Some(place.0),
            None => list.first = Some(place.0),
        }
        let node = &mut list.nodes[place.0];
        node.state = State::Set { due_ns };
        node.before = last;
        match &mut node.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Takes a user's deadline away.
    pub(crate) fn clear(&self, place: DeadlineSlot) {
        let mut list = self.list();
        list.unlink(place.0);
        list.nodes[place.0].state = State::Unset;
    }

    /// Whether a user's deadline has passed.
    pub(crate) fn has_passed(&self, place: DeadlineSlot) -> bool {
        self.list().nodes[place.0].state == State::Passed
    }

    /// Wakes every user whose deadline has passed by `now`; returns the first deadline after that.
    pub(crate) fn pass(&self, now_ns: u64) -> Option<u64> {
        let mut list = self.list();
        while let Some(first) = list.first {
            match list.nodes[first].state {
                State::Set { due_ns } if due_ns > now_ns => return Some(due_ns),
                _ => {
                    list.unlink(first);
                    list.nodes[first].state = State::Passed;
                    if let Some(waker) = &list.nodes[first].waker {
                        waker.wake_by_ref();
                    }
                }
            }
        }
        None
    }
}

impl List {
    /// Takes a node out of the list, if it is in it.
    fn unlink(&mut self, node: usize) {
        if !matches!(self.nodes[node].state, State::Set { .. }) {
            return;
        }
        let before = self.nodes[node].before.take();
        let after = self.nodes[node].after.take();
        match before {
            Some(before) => self.nodes[before].after = after,
            None => self.first = after,
        }
        match after {
            Some(after) => self.nodes[after].before = before,
            None => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn those_that_are_due_pass_in_order_and_no_others() {
        let deadlines = Deadlines::default();
        let places: Vec<DeadlineSlot> = (0..4).map(|_| deadlines.join()).collect();
        for (place, due_ns) in places.iter().zip([10, 20, 20, 30]) {
            deadlines.set(*place, due_ns, Waker::noop());
        }
        deadlines.clear(places[1]);
        assert_eq!(deadlines.pass(20), Some(30));
        let passed: Vec<bool> = places.iter().map(|p| deadlines.has_passed(*p)).collect();
        assert_eq!(passed, [true, false, true, false]);
        deadlines.set(places[0], 40, Waker::noop());
        assert!(!deadlines.has_passed(places[0]));
        assert_eq!(deadlines.pass(30), Some(40));
        assert_eq!(deadlines.pass(40), None);
    }

    proptest! {
        /// Against the plainest of models: a deadline for each user.
        #[test]
        fn it_does_what_a_table_would(
            steps in proptest::collection::vec((0_usize..6, 0_u8..3, 0_u64..5), 1..200),
        ) {
            let deadlines = Deadlines::default();
            let places: Vec<DeadlineSlot> = (0..6).map(|_| deadlines.join()).collect();
            let mut model: Vec<(Option<u64>, bool)> = vec![(None, false); 6];
            let mut now = 0;
            for (user, what, by) in steps {
                now += by;
                match what {
                    0 => {
                        deadlines.set(places[user], now + 10, Waker::noop());
                        model[user] = (Some(now + 10), false);
                    }
                    1 => {
                        deadlines.clear(places[user]);
                        model[user] = (None, false);
                    }
                    _ => {
                        let next = deadlines.pass(now);
                        for (due, passed) in &mut model {
                            if due.is_some_and(|due| due <= now) {
                                (*due, *passed) = (None, true);
                            }
                        }
                        prop_assert_eq!(next, model.iter().filter_map(|(due, _)| *due).min());
                    }
                }
                for (place, (_, passed)) in places.iter().zip(&model) {
                    prop_assert_eq!(deadlines.has_passed(*place), *passed);
                }
            }
        }
    }
}
