//! Errors in log formats.

/// A log format that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log format `{format}` can't be used: {message}; {hint}")]
pub struct FormatError {
    /// The format as given.
    pub format: String,
    /// Reason.
    pub message: String,
    /// Advice.
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
