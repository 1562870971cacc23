//! File store: a trait with a backend for a local folder and one for S3.

use std::fmt;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(test)]
pub(crate) mod contract;
mod delayed;
#[cfg(feature = "s3")]
mod guarded;
mod local;
mod resolver;
#[cfg(feature = "s3")]
mod s3;

pub(crate) use delayed::DelayedFiles;
pub use local::LocalFiles;
pub use resolver::resolve;

/// Key-value store of files.
///
/// A stored file is durable when the call returns. Readers never see a partially written file.
#[async_trait]
pub trait Files: Send + Sync + fmt::Debug + 'static {
    /// Stores a file, replacing any previous one.
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError>;

    /// Reads a file.
    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError>;

    /// Returns true if a file exists, without reading it.
    async fn exists(&self, key: &FileKey) -> Result<bool, FilesError>;

    /// Deletes a file. Succeeds if it does not exist.
    async fn delete(&self, key: &FileKey) -> Result<(), FilesError>;
}

/// Key of a file: segments of `a-z`, `0-9`, `-`, `_` and `.` separated by `/`. No segment begins with a
/// dot, so that no key leads out of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKey(String);

/// Maximum length of a key, in bytes.
const KEY_BYTES_MAX: usize = 200;

impl FileKey {
    /// Validates a key.
    ///
    /// # Errors
    /// [`FilesError::InvalidKey`] if the key is malformed or too long.
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

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Failure to store or read a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// The file does not exist.
    #[error("file not found")]
    NotFound,
    /// The disk is full; nothing was stored.
    #[error("disk full")]
    Full,
    /// The store was not asked, since it is overloaded or did not respond.
    #[error("the file store is unavailable: {0}")]
    Unavailable(&'static str),
    /// The URL of the store is invalid.
    #[error("{0}")]
    InvalidUrl(String),
    /// The key is invalid.
    #[error("invalid file key `{0}`; use a-z, 0-9, `-`, `_`, `.` and `/`")]
    InvalidKey(String),
    /// A folder could not be opened.
    #[error("could not open the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Any other failure.
    #[error("could not {action} the file `{key}`: {source}")]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The key.
        key: String,
        /// The cause.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_escape() {
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
