//! Password hashing with Argon2id, off the async threads and with bounded concurrency.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::ledger::{self, Part};
use crate::secret::Secret;

/// Maximum queue length per running hash. At 20 to 30 ms a hash, the last in the queue waits for
/// about a second.
const QUEUE_PER_SLOT_MAX: usize = 32;

/// Failure to hash or verify a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The queue is full.
    #[error("too many log-ins at once; try again later")]
    Busy,
    /// The hash function failed.
    #[error("could not hash a password: {0}")]
    Hash(String),
}

/// Hashes a password as a PHC string, with the defaults of the `argon2` crate, which OWASP
/// recommends: Argon2id with 19 MiB, two passes and one lane.
///
/// This takes tens of milliseconds; do not call it on an async thread.
///
/// # Errors
/// [`PasswordError::Hash`] if memory or randomness is unavailable.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Hashes and verifies passwords with one task per core and a bounded queue.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    admitted: AtomicUsize,
    admitted_max: usize,
}

impl Passwords {
    /// Creates a slot per core.
    pub(crate) fn new() -> Self {
        let slots = thread::available_parallelism().map_or(1, usize::from);
        Self::with_bounds(slots, slots * (1 + QUEUE_PER_SLOT_MAX))
    }

    fn with_bounds(slots: usize, admitted_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            admitted: AtomicUsize::new(0),
            admitted_max,
        }
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        self.run(move || hash(password.reveal())).await?
    }

    /// Verifies a password against a hash. Without a hash (unknown user) it takes as long and returns
    /// false, so that the response time does not reveal which handles exist.
    pub(crate) async fn verify(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&UNKNOWN_USER_HASH);
            verify(password.reveal(), hash) && known
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _admission = Admission::acquire(&self.admitted, self.admitted_max)?;
        let slot = {
            let _span = ledger::enter(Part::Queue);
            self.slots.clone().acquire_owned().await
        };
        let slot = slot.map_err(|_| PasswordError::Busy)?;
        // The task owns the slot, because it continues after the client disconnects.
        let done = ledger::blocking(move || {
            let done = work();
            drop(slot);
            done
        });
        done.await
            .map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

static UNKNOWN_USER_HASH: LazyLock<String> = LazyLock::new(|| hash("nobody's").unwrap_or_default());

/// Place among the running and queued tasks.
struct Admission<'a>(&'a AtomicUsize);

impl<'a> Admission<'a> {
    fn acquire(count: &'a AtomicUsize, max: usize) -> Result<Self, PasswordError> {
        let admission = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < max {
            Ok(admission)
        } else {
            Err(PasswordError::Busy)
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn verifies_passwords() {
        let passwords = Passwords::new();
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let check =
            |text: &str, hash: Option<&String>| passwords.verify(Secret::new(text), hash.cloned());
        assert!(check("correct horse", Some(&hash)).await.unwrap());
        assert!(!check("battery staple", Some(&hash)).await.unwrap());
        assert!(!check("nobody's", None).await.unwrap());
        assert!(!check("x", Some(&"not a hash".to_owned())).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_are_salted() {
        assert_ne!(hash("same").unwrap(), hash("same").unwrap());
    }

    #[tokio::test]
    async fn rejects_when_queue_is_full() {
        let passwords = Passwords::with_bounds(1, 2);
        let one = || passwords.verify(Secret::new("x"), None);
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert!(a.is_ok() && b.is_ok());
        assert!(matches!(c, Err(PasswordError::Busy)));
        assert!(one().await.is_ok());
    }
}
