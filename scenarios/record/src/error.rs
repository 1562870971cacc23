//! Errors in recording.

/// A log that can be read but not recorded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// The log has no request that can be sent.
    #[error(
        "{origin} has no request that can be sent in its {lines} lines; give a log with requests"
    )]
    NoRequest {
        /// Name of the log.
        origin: String,
        /// Number of lines read.
        lines: u64,
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
