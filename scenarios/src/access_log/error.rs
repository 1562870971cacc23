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
        "none of the {lines} lines of {origin} could be read ({first}); say with --format what it is: common, combined, nginx, alb, cloudfront, har, or its LogFormat or log_format"
    )]
    AllBroken {
        /// The log.
        origin: String,
        /// How many lines it has.
        lines: u64,
        /// The first of them, and why.
        first: String,
    },
    /// It is no HAR file.
    #[error("could not read {origin} as a HAR file: {reason}; is the file complete?")]
    Har {
        /// The file.
        origin: String,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// It is JSON, but that of no HAR file.
    #[error(
        "{origin} is no HAR file: it has no log.entries; record one with the network tab of a browser"
    )]
    NoHar {
        /// The file.
        origin: String,
    },
    /// A HAR file holds nothing that can be used.
    #[error(
        "{origin} holds no request over HTTP: {left_out}; record one with the network tab of a browser"
    )]
    NoEntry {
        /// The file.
        origin: String,
        /// What it holds instead.
        left_out: String,
    },
    /// A HAR file has no request of the host that was asked for.
    #[error("{origin} has no request of the host {host}; give --host one of its hosts: {hosts}")]
    NoHost {
        /// The file.
        origin: String,
        /// The host asked for.
        host: String,
        /// The hosts it has.
        hosts: String,
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

impl FormatError {
    pub(crate) fn new(format: &str, message: &str, hint: &str) -> Self {
        Self {
            format: format.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }
}
