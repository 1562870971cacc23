//! What can go wrong with a probe.

use std::time::Duration;

/// Something that could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The address can't be asked.
    #[error("could not ask {url}: {reason}")]
    Address {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer came, or not all of it.
    #[error("could not read {url}: {reason}; is its admin listener up?")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why it failed.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("{url} did not answer within {} s", .after.as_secs_f64())]
    Timeout {
        /// What was asked.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer was a refusal.
    #[error("{url} answered {status}{}", if .body.is_empty() { String::new() } else { format!(": {}", .body) })]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The first line of what came with it.
        body: String,
    },
    /// The answer was longer than anything that should be there.
    #[error("{url} answered more than {limit} bytes, which is more than is read")]
    TooLong {
        /// What was asked.
        url: String,
        /// How much is read.
        limit: u64,
    },
    /// The answer is no Prometheus text.
    #[error("{url} is not prometheus text: line {line}: {reason}")]
    NotMetrics {
        /// What was asked.
        url: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is no gzipped `profile.proto`.
    #[error("{source_name} is not a gzipped profile.proto: {reason}")]
    NotProfile {
        /// What was asked, or read.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
}
