//! Span of time in one part.

use super::part::Part;
use super::{now_ns, with_current};

/// Time in one part of the current ledger. Ends when dropped, on the task that began it.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub(crate) struct Span {
    /// Part around this one. `None` without a ledger.
    around: Option<Part>,
}

impl Span {
    /// Enters a part.
    pub(super) fn enter(part: Part) -> Self {
        let around = with_current(|entries| entries.switch(part, now_ns()));
        Self { around }
    }

    /// Changes the part.
    pub(crate) fn change(&mut self, part: Part) {
        if self.around.is_some() {
            with_current(|entries| entries.switch(part, now_ns()));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(around) = self.around {
            with_current(|entries| entries.switch(around, now_ns()));
        }
    }
}
