//! Errors of a probe.

use std::time::Duration;

/// An error while capturing.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The URL is invalid, or names no host that can be connected to.
    #[error("could not connect to {url}: {reason}")]
    Address {
        /// URL of the request.
        url: String,
        /// Cause of the failure.
        reason: String,
    },
    /// There was no response, or only part of it.
    #[error("could not read {url}: {reason}; is its admin listener up?")]
    Unreachable {
        /// URL of the request.
        url: String,
        /// Cause of the failure.
        reason: String,
    },
    /// The response did not complete in time.
    #[error("{url} did not respond within {} s", .after.as_secs_f64())]
    Timeout {
        /// URL of the request.
        url: String,
        /// Timeout.
        after: Duration,
    },
    /// The status was not 200.
    #[error("{url} responded with status {status}{}", if .body.is_empty() { String::new() } else { format!(": {}", .body) })]
    Status {
        /// URL of the request.
        url: String,
        /// Status.
        status: u16,
        /// First line of the body.
        body: String,
    },
    /// The response was too long.
    #[error("{url} responded with more than {limit} bytes, the most that is read")]
    TooLong {
        /// URL of the request.
        url: String,
        /// Longest accepted response, in bytes.
        limit: u64,
    },
    /// The response does not list components that can be delayed.
    #[error("{url} does not list the components that can be delayed: {reason}")]
    NotDelays {
        /// URL of the request.
        url: String,
        /// Cause of the failure.
        reason: String,
    },
    /// The response does not describe a queue.
    #[error("{url} does not describe a queue: {reason}")]
    NotQueue {
        /// URL of the request.
        url: String,
        /// Cause of the failure.
        reason: String,
    },
    /// The response does not describe written feeds.
    #[error("{url} does not describe written feeds: {reason}")]
    NotFeeds {
        /// URL of the request.
        url: String,
        /// Cause of the failure.
        reason: String,
    },
    /// The response is not Prometheus text.
    #[error("{url} is not Prometheus text: line {line}: {reason}")]
    NotMetrics {
        /// URL of the request.
        url: String,
        /// Line number, from 1.
        line: usize,
        /// Cause of the failure.
        reason: String,
    },
    /// The response is not a gzipped `profile.proto`.
    #[error("{source_name} is not a gzipped profile.proto: {reason}")]
    NotProfile {
        /// URL or file.
        source_name: String,
        /// Cause of the failure.
        reason: String,
    },
}
