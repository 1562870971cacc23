//! Errors of a run directory.

use std::path::PathBuf;

/// An error while writing or reading a run directory.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// A file or directory could not be created or written.
    #[error("could not write {path}: {source}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("could not read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// A file does not have the expected content.
    #[error("could not read {path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        reason: String,
    },
    /// The directory to write to is not empty.
    #[error("{path} exists and is not empty; choose another with --out, or remove it")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}
