//! Reports of failed requests to an error tracker: a panic, or a response with status 500.
//!
//! A report has no personal data: neither path nor query, headers, body nor address of a request, but the pattern of its route and
//! its identifier. The text of a panic is sent only if it is a literal, because others may contain values.

mod panics;
mod resolver;
#[cfg(feature = "sentry")]
mod sentry;

use std::fmt;

use http::{HeaderName, HeaderValue};

pub(crate) use panics::{Panicked, caught, note_locations};
pub use resolver::resolve;

/// Header with the identifier of a request, which a balancer may have set.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest identifier that is taken over, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Receiver of reports.
pub trait ErrorReports: fmt::Debug + Send + Sync {
    /// Sends a report in the background. Drops it if too many wait.
    fn report(&self, report: &ErrorReport);

    /// Waits for the reports that were not sent yet, for at most two seconds.
    fn close(&self);
}

/// Report of a failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReport {
    /// What happened.
    pub kind: ErrorKind,
    /// Method, or `OTHER`.
    pub method: &'static str,
    /// Path of the route with its placeholders, or `unmatched`.
    pub route: &'static str,
    /// Identifier of the request, which its response has as well.
    pub request_id: String,
}

/// Kind of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The handler answered with status 500. The service's log has the cause.
    Internal,
    /// The handler panicked.
    Panic {
        /// Source file and line. `None` if unknown.
        location: Option<String>,
        /// Text of the panic. `None` if it may contain values.
        message: Option<&'static str>,
    },
}

/// Reports can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum ErrorReportsError {
    /// The address is invalid, or its client was not compiled in.
    #[error("could not send error reports: {0}")]
    Invalid(String),
}

/// Returns the identifier of a request: that of the header if it is one, otherwise a random one.
pub(crate) fn request_id(header: Option<&HeaderValue>) -> String {
    let given = header.and_then(|value| value.to_str().ok());
    let is_id = |text: &&str| {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        !text.is_empty() && text.len() <= REQUEST_ID_BYTES_MAX && text.bytes().all(allowed)
    };
    match given.filter(is_id) {
        Some(id) => id.to_owned(),
        None => {
            let mut bytes = [0; 16];
            // Without randomness, the identifier is of no use, but the response is.
            let _ = getrandom::fill(&mut bytes);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_over_identifiers_alone() {
        let id = |text: &'static str| request_id(Some(&HeaderValue::from_static(text)));
        assert_eq!(
            id("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
            "7c9e6679-7425-40de-944b-e07fc1f90ae7"
        );
        for other in ["", "a b", "user@example.com", "<script>"] {
            assert_eq!(id(other).len(), 32, "{other}");
        }
        let long = "x".repeat(65);
        assert_eq!(request_id(Some(&long.parse().unwrap())).len(), 32);
        assert_ne!(request_id(None), request_id(None));
    }
}
