//! Shared by the readers of logs and HAR files: options, errors, limits.

use crate::format::Format;

pub(crate) mod broken_line;
pub(crate) mod compression;
pub(crate) mod interner;
pub(crate) mod log_error;
pub(crate) mod name_tally;
pub(crate) mod source;

/// Options for reading a log.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Format; if `None`, HAR files are detected by their start, and other formats line by line.
    pub format: Option<Format>,
    /// Host whose requests are read; the most frequent one if `None`. `-` stands for requests without a host.
    pub host: Option<String>,
    /// Number of broken lines to keep for the report.
    pub broken_kept: usize,
}

/// Limit on requests, equal to that of a trace phase; 10 million take about 400 MB. Larger logs must be
/// split.
pub(crate) const REQUESTS_MAX: usize = 10_000_000;

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            host: None,
            broken_kept: 5,
        }
    }
}
