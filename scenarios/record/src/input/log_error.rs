//! Errors in reading a log.

use std::path::PathBuf;

/// A log that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be opened.
    #[error("could not open the log {path}: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Reading failed.
    #[error("could not read {origin} beyond line {line}: {source}; is the file complete?")]
    Read {
        /// Name of the log.
        origin: String,
        /// Number of the line being read.
        line: u64,
        /// Cause.
        source: std::io::Error,
    },
    /// The log is empty.
    #[error("{origin} is empty; give a log with requests")]
    Empty {
        /// Name of the log.
        origin: String,
    },
    /// No line can be read.
    #[error(
        "could not read any of the {lines} lines of {origin} ({first}); give its format with --format: common, combined, nginx, alb, cloudfront, har, or the LogFormat or log_format of the server"
    )]
    AllBroken {
        /// Name of the log.
        origin: String,
        /// Number of lines.
        lines: u64,
        /// The first line and the reason.
        first: String,
    },
    /// The file is not a valid HAR file.
    #[error("could not read {origin} as a HAR file: {reason}; is the file complete?")]
    Har {
        /// Name of the file.
        origin: String,
        /// Reason and position.
        reason: String,
    },
    /// The file is JSON, but not a HAR file.
    #[error(
        "{origin} is not a HAR file: it has no log.entries; record one with the network tab of a browser"
    )]
    NoHar {
        /// Name of the file.
        origin: String,
    },
    /// The HAR file has no usable request.
    #[error(
        "{origin} has no HTTP request: {left_out}; record one with the network tab of a browser"
    )]
    NoEntry {
        /// Name of the file.
        origin: String,
        /// Counts of the entries left out.
        left_out: String,
    },
    /// The HAR file has no request for the given host.
    #[error("{origin} has no request for host {host}; give one of its hosts with --host: {hosts}")]
    NoHost {
        /// Name of the file.
        origin: String,
        /// Host given.
        host: String,
        /// Hosts in the file.
        hosts: String,
    },
    /// The log exceeds a limit.
    #[error("{origin} has more than {what} (at line {line}); split it and record the parts")]
    TooLarge {
        /// Name of the log.
        origin: String,
        /// First line beyond the limit.
        line: u64,
        /// Limit.
        what: &'static str,
    },
}
