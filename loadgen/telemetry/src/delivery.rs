//! The queue of one receiver.

use std::cell::RefCell;
use std::collections::VecDeque;

use tenfold_loadgen::RequestSpan;

use crate::exemplars::Exemplars;

/// Most sampled requests that wait for a receiver.
const WAITING_MAX: usize = 16_384;

/// The queue of one receiver, with counts of all that left it.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// True if it receives spans.
    takes_spans: bool,
    /// Sampled requests.
    pub(crate) spans: RefCell<Waiting>,
    /// Slow sampled requests since the last delivery.
    pub(crate) exemplars: RefCell<Exemplars>,
    /// Points and spans that it refused.
    pub(crate) rejections: RefCell<Rejection>,
}

/// Sampled requests that wait, and counts of the others.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Those that wait, oldest first.
    pub(crate) queue: VecDeque<RequestSpan>,
    /// Those that arrived.
    pub(crate) sent: u64,
    /// Those that found the queue full, or were refused.
    pub(crate) dropped: u64,
}

/// Points or spans that a receiver did not take, although it answered with success.
#[derive(Debug, Default)]
pub(crate) struct Rejection {
    /// Their number.
    pub(crate) count: u64,
    /// Its reason; may be empty.
    pub(crate) reason: String,
}

impl Delivery {
    pub(crate) fn new(takes_spans: bool) -> Self {
        Self {
            takes_spans,
            spans: RefCell::default(),
            exemplars: RefCell::default(),
            rejections: RefCell::default(),
        }
    }

    /// Keeps a sampled request for the next delivery. Without room, it is dropped and counted.
    pub(crate) fn take(&self, span: &RequestSpan) {
        self.exemplars.borrow_mut().add(span);
        if !self.takes_spans {
            return;
        }
        let mut waiting = self.spans.borrow_mut();
        match waiting.queue.len() < WAITING_MAX {
            true => waiting.queue.push_back(span.clone()),
            false => waiting.dropped += 1,
        }
    }

    /// Returns whether it receives spans.
    pub(crate) fn takes_spans(&self) -> bool {
        self.takes_spans
    }
}

impl Rejection {
    /// Adds another one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        if !other.reason.is_empty() {
            self.reason.clone_from(&other.reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_is_bounded_and_drops_are_counted() {
        let span = RequestSpan {
            phase: 0,
            request: 0,
            trace_id: 1,
            span_id: 2,
            intended_ns: 0,
            blocked_ns: None,
            sent_ns: 1,
            done_ns: 2,
            status: None,
            failure: None,
            exchanges: Vec::new(),
        };
        let (spans, none) = (Delivery::new(true), Delivery::new(false));
        for _ in 0..WAITING_MAX + 3 {
            spans.take(&span);
            none.take(&span);
        }
        let waiting = spans.spans.borrow();
        assert_eq!((waiting.queue.len(), waiting.dropped), (WAITING_MAX, 3));
        assert!(none.spans.borrow().queue.is_empty());
    }
}
