//! Events in the order of their times.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Events that are still to happen. Those of one time happen in the order in which they were added.
#[derive(Debug)]
pub(crate) struct Events<T> {
    heap: BinaryHeap<Event<T>>,
    added: u64,
}

#[derive(Debug)]
struct Event<T> {
    at: f64,
    number: u64,
    what: T,
}

impl<T> Events<T> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            added: 0,
        }
    }

    /// Adds an event at a time, in seconds.
    pub(crate) fn add(&mut self, at: f64, what: T) {
        let number = self.added;
        self.added += 1;
        self.heap.push(Event { at, number, what });
    }

    /// Returns the time of the next event.
    pub(crate) fn next_at(&self) -> Option<f64> {
        self.heap.peek().map(|event| event.at)
    }

    /// Removes the next event.
    pub(crate) fn pop(&mut self) -> Option<(f64, T)> {
        self.heap.pop().map(|event| (event.at, event.what))
    }
}

impl<T> PartialEq for Event<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Event<T> {}

impl<T> PartialOrd for Event<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The heap returns its greatest first: the earliest event is the greatest.
impl<T> Ord for Event<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .at
            .total_cmp(&self.at)
            .then(other.number.cmp(&self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_in_order_of_time_and_addition() {
        let mut events = Events::new();
        for (at, what) in [(2.0, 'c'), (1.0, 'a'), (2.0, 'd'), (1.0, 'b')] {
            events.add(at, what);
        }
        assert_eq!(events.next_at(), Some(1.0));
        let order: String = std::iter::from_fn(|| events.pop())
            .map(|(_, what)| what)
            .collect();
        assert_eq!(order, "abcd");
    }
}
