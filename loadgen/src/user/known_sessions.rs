//! Sessions that an earlier run logged in, for the next run of the same scenario.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shared::Session;

/// Age from which sessions are logged in again: tokens expire.
const AGE_MAX: Duration = Duration::from_secs(120);

/// Sessions that runs of the same scenario against the same target share, so that each need not log them in. Clones are
/// handles to the same sessions. The default knows none.
#[derive(Clone, Default)]
pub struct KnownSessions {
    known: Arc<Mutex<Option<Known>>>,
}

struct Known {
    since: Instant,
    sessions: Vec<Vec<Session>>,
}

impl KnownSessions {
    /// Forgets the sessions, so that the next run logs them in.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    /// Returns the sessions by side. `None` if none are known, or they are too old.
    pub(crate) fn get(&self) -> Option<Vec<Vec<Session>>> {
        let known = self.lock();
        let known = known.as_ref().filter(|own| own.since.elapsed() < AGE_MAX)?;
        Some(known.sessions.clone())
    }

    /// Remembers sessions that were logged in just now.
    pub(crate) fn set(&self, sessions: &[Vec<Session>]) {
        *self.lock() = Some(Known {
            since: Instant::now(),
            sessions: sessions.to_vec(),
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KnownSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens are secrets.
        f.debug_struct("KnownSessions")
            .field("known", &self.lock().is_some())
            .finish()
    }
}
