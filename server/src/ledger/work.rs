//! Work that another thread does for a request.

use super::{Entries, Part, absorb, is_recording, now_ns};

/// Record of work that another thread does for the request of this task, if that has a ledger.
#[derive(Debug)]
pub(crate) struct Work(Option<Entries>);

impl Work {
    /// Begins to record, in a part.
    pub(crate) fn begin(part: Part) -> Self {
        Self(is_recording().then(|| {
            let now_ns = now_ns();
            let mut entries = Entries::new(now_ns);
            entries.switch(part, now_ns);
            entries
        }))
    }

    /// Changes the part.
    pub(crate) fn change(&mut self, part: Part) {
        if let Some(entries) = &mut self.0 {
            entries.switch(part, now_ns());
        }
    }

    /// Ends the last part.
    pub(crate) fn finish(&mut self) {
        if let Some(entries) = &mut self.0 {
            entries.charge(now_ns());
        }
    }

    /// Moves time of the request from a part to the parts of this work.
    pub(crate) fn absorb(self, from: Part) {
        if let Some(entries) = &self.0 {
            absorb(from, entries);
        }
    }
}
