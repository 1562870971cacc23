//! Deadlines of requests.
//!
//! All requests of a run have the same timeout, so deadlines pass in the order in which they are set.
//! A linked list in that order, with a slot for each user, costs next to nothing; a timer per request
//! would cost a good part of the request itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The deadlines of the requests in flight, at most one for each user.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    list: Mutex<List>,
}

/// A user's slot among the deadlines.
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
        // Changes are complete before the lock is released.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a slot for one more user.
    pub(crate) fn join(&self) -> DeadlineSlot {
        let mut list = self.list();
        list.nodes.push(Node::default());
        DeadlineSlot(list.nodes.len() - 1)
    }

    /// Sets a user's deadline, which must not be before one set earlier. `waker` is woken when it
    /// passes.
    pub(crate) fn set(&self, slot: DeadlineSlot, due_ns: u64, waker: &Waker) {
        let mut list = self.list();
        list.unlink(slot.0);
        let last = list.last.replace(slot.0);
        match last {
            Some(last) => list.nodes[last].after = Some(slot.0),
            None => list.first = Some(slot.0),
        }
        let node = &mut list.nodes[slot.0];
        node.state = State::Set { due_ns };
        node.before = last;
        match &mut node.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Clears a user's deadline.
    pub(crate) fn clear(&self, slot: DeadlineSlot) {
        let mut list = self.list();
        list.unlink(slot.0);
        list.nodes[slot.0].state = State::Unset;
    }

    /// Returns true if a user's deadline has passed.
    pub(crate) fn has_passed(&self, slot: DeadlineSlot) -> bool {
        self.list().nodes[slot.0].state == State::Passed
    }

    /// Wakes every user whose deadline has passed by `now_ns`. Returns the next deadline, or `None` if
    /// there is none.
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
    /// Removes a node from the list, if it is in the list.
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
    fn passes_due_deadlines_in_order() {
        let deadlines = Deadlines::default();
        let slots: Vec<DeadlineSlot> = (0..4).map(|_| deadlines.join()).collect();
        for (slot, due_ns) in slots.iter().zip([10, 20, 20, 30]) {
            deadlines.set(*slot, due_ns, Waker::noop());
        }
        deadlines.clear(slots[1]);
        assert_eq!(deadlines.pass(20), Some(30));
        let passed: Vec<bool> = slots.iter().map(|p| deadlines.has_passed(*p)).collect();
        assert_eq!(passed, [true, false, true, false]);
        deadlines.set(slots[0], 40, Waker::noop());
        assert!(!deadlines.has_passed(slots[0]));
        assert_eq!(deadlines.pass(30), Some(40));
        assert_eq!(deadlines.pass(40), None);
    }

    proptest! {
        /// Compares with a simple model: a table with a deadline for each user.
        #[test]
        fn matches_a_table_of_deadlines(
            steps in proptest::collection::vec((0_usize..6, 0_u8..3, 0_u64..5), 1..200),
        ) {
            let deadlines = Deadlines::default();
            let slots: Vec<DeadlineSlot> = (0..6).map(|_| deadlines.join()).collect();
            let mut model: Vec<(Option<u64>, bool)> = vec![(None, false); 6];
            let mut now = 0;
            for (user, what, by) in steps {
                now += by;
                match what {
                    0 => {
                        deadlines.set(slots[user], now + 10, Waker::noop());
                        model[user] = (Some(now + 10), false);
                    }
                    1 => {
                        deadlines.clear(slots[user]);
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
                for (slot, (_, passed)) in slots.iter().zip(&model) {
                    prop_assert_eq!(deadlines.has_passed(*slot), *passed);
                }
            }
        }
    }
}
