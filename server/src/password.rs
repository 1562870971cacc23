//! Passwords: hashed with Argon2id, away from the async threads, a few at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::secret::Secret;

/// How many may wait for their turn for each that is hashed. At 20 to 30 ms each the last one
/// waits for about a second, which is as long as a person does.
const WAITING_PER_SLOT: usize = 32;

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many wait already.
    #[error("too many log-ins at once")]
    Busy,
    /// The hash function failed.
    #[error("could not hash a password: {0}")]
    Hash(String),
}

/// Hashes a password as a PHC string, with the defaults of the `argon2` crate: Argon2id with
/// 19 MiB, two passes and one lane, which is what OWASP recommends.
///
/// This takes tens of milliseconds: not for an async thread.
///
/// # Errors
/// [`PasswordError::Hash`] where there is no memory or randomness.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Hashes and checks passwords, at most one for each core at once, with a bounded queue.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    inside: AtomicUsize,
    inside_max: usize,
}

impl Passwords {
    /// Allows as many at once as there are cores.
    pub(crate) fn new() -> Self {
        let slots = thread::available_parallelism().map_or(1, usize::from);
        Self::with_bounds(slots, slots * (1 + WAITING_PER_SLOT))
    }

    fn with_bounds(slots: usize, inside_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            inside: AtomicUsize::new(0),
            inside_max,
        }
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        self.run(move || hash(password.reveal())).await?
    }

    /// Checks a password against a hash. Without a hash (no such user) this takes as long and
    /// answers no, so that the time does not tell which handles exist.
    pub(crate) async fn verify(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&NOBODYS_HASH);
            verify(password.reveal(), hash) && known
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _inside = Inside::enter(&self.inside, self.inside_max)?;
        let slot = self.slots.clone().acquire_owned().await;
        let slot = slot.map_err(|_| PasswordError::Busy)?;
        // The slot goes along: the work goes on where the client goes away.
        let done = tokio::task::spawn_blocking(move || {
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

static NOBODYS_HASH: LazyLock<String> = LazyLock::new(|| hash("nobody's").unwrap_or_default());

/// One of those who hash or wait.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn enter(count: &'a AtomicUsize, max: usize) -> Result<Self, PasswordError> {
        let inside = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < max {
            Ok(inside)
        } else {
            Err(PasswordError::Busy)
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_checked() {
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
    async fn two_hashes_of_a_password_differ() {
        assert_ne!(hash("same").unwrap(), hash("same").unwrap());
    }

    #[tokio::test]
    async fn too_many_at_once_are_turned_away() {
        let passwords = Passwords::with_bounds(1, 2);
        let one = || passwords.verify(Secret::new("x"), None);
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert!(a.is_ok() && b.is_ok());
        assert!(matches!(c, Err(PasswordError::Busy)));
        assert!(one().await.is_ok());
    }
}
