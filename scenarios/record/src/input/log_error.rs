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
    /// The file is compressed by a method that is not read.
    #[error("{origin} is compressed with {name}; decompress it first: {advice}")]
    Compressed {
        /// Name of the file.
        origin: String,
        /// Method of compression, or of an archive.
        name: &'static str,
        /// Command to use.
        advice: String,
    },
    /// The file is in UTF-16.
    #[error(
        "{origin} is in UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 FILE | tenfold record -"
    )]
    Utf16 {
        /// Name of the file.
        origin: String,
    },
    /// The file is not text.
    #[error("{origin} is not text, so it is not a log; give an access log or a HAR file")]
    NotText {
        /// Name of the file.
        origin: String,
    },
    /// HAR files and other logs were given together.
    #[error("{har} is a HAR file and {log} is not; record them one by one")]
    Mixed {
        /// Name of a HAR file.
        har: String,
        /// Name of another log.
        log: String,
    },
    /// The same file was given twice.
    #[error("{origin} is given twice, so its requests would be sent twice; give it once")]
    Twice {
        /// The file.
        origin: String,
    },
    /// No line can be read.
    #[error(
        "could not read any of the {lines} lines of {origin} ({first}); give its format with --format: a name such as common, nginx, w3c or json, the LogFormat or log_format of the server, or the fields of JSON Lines (json:time=...,path=...)"
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
    /// No line names its host, but a host was given.
    #[error(
        "{origin} does not name the host of its requests ({format}), so --host can't select one; leave --host out, or give a --format that has the host, such as $host or %v"
    )]
    Hostless {
        /// Name of the file.
        origin: String,
        /// Format of the log.
        format: String,
    },
    /// The log has no request for the given host.
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
