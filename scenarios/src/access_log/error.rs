//! What keeps a log from being read.

use std::path::PathBuf;

/// A log that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be opened.
    #[error("could not open the log {path}: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading broke off.
    #[error("could not read {origin} beyond line {line}: {source}; is the file complete?")]
    Read {
        /// The log.
        origin: String,
        /// The line being read.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error(
        "{origin} is empty, so there is nothing to record; give the log of a time with traffic"
    )]
    Empty {
        /// The log.
        origin: String,
    },
    /// No line of it can be read.
    #[error(
        "none of the {lines} lines of {origin} could be read ({first}); give its LogFormat with --format"
    )]
    AllBroken {
        /// The log.
        origin: String,
        /// How many lines it has.
        lines: u64,
        /// The first of them, and why.
        first: String,
    },
    /// It is more than is held in memory.
    #[error("{origin} holds more than {what} (at line {line}); split it and record the parts")]
    TooLarge {
        /// The log.
        origin: String,
        /// The line too many.
        line: u64,
        /// The limit.
        what: &'static str,
    },
}

/// A LogFormat that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log format `{format}` can't be used: {message}; {hint}")]
pub struct FormatError {
    /// The format as given.
    pub format: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}
