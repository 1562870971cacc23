//! The recorder that everything on the generator's thread writes to.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::recorder::Recorder;

/// A recorder that can be shared, and closed while others still hold it.
///
/// Everything that records runs on one thread, so its lock is never contended.
#[derive(Debug)]
pub(crate) struct SharedRecorder(Mutex<Option<Recorder>>);

impl SharedRecorder {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self(Mutex::new(Some(recorder)))
    }

    /// A recorder that is closed from the start: nothing is recorded.
    pub(crate) fn closed() -> Self {
        Self(Mutex::new(None))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Recorder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `with` on the recorder. `None` if it is closed.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
        self.lock().as_mut().map(with)
    }

    /// Closes it: nothing is recorded from now on. `None` if it was closed before.
    pub(crate) fn close(&self) -> Option<Recorder> {
        self.lock().take()
    }
}
