//! The users' files, behind one trait: a folder, or an object store.

use std::fmt;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(test)]
pub(crate) mod contract;
mod local;
mod resolver;
#[cfg(feature = "s3")]
mod s3;

pub use local::LocalFiles;
pub use resolver::resolve;

/// A place for files under keys.
///
/// A file that was put is durable once the call returns, and is never seen half written.
#[async_trait]
pub trait Files: Send + Sync + fmt::Debug + 'static {
    /// Stores a file, in place of the one that was there.
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError>;

    /// Reads a file.
    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError>;

    /// Deletes a file. Deleting one that does not exist is no error.
    async fn delete(&self, key: &FileKey) -> Result<(), FilesError>;
}

/// The name of a file: segments of `a-z`, `0-9`, `-`, `_` and `.` divided by `/`, none of which
/// begins with a dot, so that no key leads out of its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKey(String);

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 200;

impl FileKey {
    /// Checks a key.
    ///
    /// # Errors
    /// [`FilesError::InvalidKey`].
    pub fn new(key: impl Into<String>) -> Result<Self, FilesError> {
        let key = key.into();
        let allowed =
            |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_' | b'.');
        let segment = |segment: &str| {
            !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(allowed)
        };
        if key.len() <= KEY_BYTES_MAX && key.split('/').all(segment) {
            Ok(Self(key))
        } else {
            Err(FilesError::InvalidKey(key))
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// There is no file under this key.
    #[error("there is no such file")]
    NotFound,
    /// The disk is full; nothing was stored.
    #[error("no room to store the file")]
    Full,
    /// The place can't be used as it was named.
    #[error("{0}")]
    InvalidUrl(String),
    /// Not a key.
    #[error("`{0}` is not the key of a file; use a-z, 0-9, `-`, `_`, `.` and `/`")]
    InvalidKey(String),
    /// Anything else.
    #[error("could not {action} the file `{key}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        key: String,
        /// What went wrong.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_their_place() {
        for good in ["a", "photos/1-ab.jpg", "a/b/c"] {
            assert!(FileKey::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            ".hidden",
            "A",
            "a\0",
            "a\\b",
            &"x".repeat(201),
        ] {
            assert!(FileKey::new(bad).is_err(), "{bad}");
        }
    }
}
