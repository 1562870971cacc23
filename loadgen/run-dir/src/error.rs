//! What can go wrong with a run directory.

use std::path::PathBuf;

/// A run directory that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// A file or directory could not be created or written.
    #[error("could not write {path}: {source}")]
    Write {
        /// What was written.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("could not read {path}: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file was read, but does not hold what it should.
    #[error("{path} is not what a run directory holds there: {reason}")]
    Malformed {
        /// What was read.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The directory to write into holds something already.
    #[error("{path} exists and is not empty; choose another with --out, or remove it")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}
