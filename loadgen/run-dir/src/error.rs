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
    /// The directory to read does not exist.
    #[error(
        "could not read {path}: there is no such directory; give a run directory, such as `tenfold run` writes below runs/"
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The directory to read has no manifest.
    #[error(
        "{path} is not a run directory: it has no manifest.json; give a directory that `tenfold run` wrote, such as one \
         below runs/"
    )]
    NoManifest {
        /// The directory or file.
        path: PathBuf,
    },
    /// The directory to write to is not empty.
    #[error("{path} exists and is not empty; choose another with --out, or remove it")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}
