//! Errors in recording.

use crate::access_log::AccessLog;

/// A log that can be read but not recorded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// The log has no request that can be sent.
    #[error(
        "{origin} has no request that can be sent in its {lines} lines{left_out}; give a log with requests"
    )]
    NoRequest {
        /// Name of the log.
        origin: String,
        /// Number of lines read.
        lines: u64,
        /// Reasons and counts in parentheses.
        left_out: String,
    },
    /// The replay would last longer than a phase may.
    #[error(
        "at {speed} times its speed, the trace of {origin} lasts {length}, but a phase lasts at most 30 days; use --speed {enough} or more"
    )]
    TooLong {
        /// Name of the log.
        origin: String,
        /// Speed given.
        speed: f64,
        /// Resulting duration.
        length: String,
        /// Sufficient speed.
        enough: f64,
    },
    /// An option is out of its range.
    #[error("{option} is {value}; it must be {range}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Value given.
        value: String,
        /// Valid range.
        range: &'static str,
    },
}

impl RecordError {
    /// Returns the error for a log without a request that can be sent.
    pub(crate) fn no_request(log: &AccessLog) -> Self {
        let reasons = log.reasons_without_request.iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{count}: {reason}"))
            .collect();
        Self::NoRequest {
            origin: log.origin.clone(),
            lines: log.lines - log.broken - log.headers,
            left_out: match reasons.is_empty() {
                true => String::new(),
                false => format!(" ({})", reasons.join("; ")),
            },
        }
    }
}
