//! Which headers of a HAR file's requests are kept.

use http::HeaderValue;

use crate::secret::is_secret;

/// Headers that change what a service answers or does. Only these are kept: one that nobody here
/// knows may be a secret.
const KEPT: [&str; 15] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-version",
    "api-version",
    "content-encoding",
    "content-language",
    "content-type",
    "origin",
    "range",
    "user-agent",
    "x-api-version",
    "x-http-method-override",
    "x-requested-with",
];

/// Headers that every client makes anew, or that are of the one page view; not worth a word.
const USUAL: [&str; 20] = [
    "cache-control",
    "connection",
    "content-length",
    "dnt",
    "expect",
    "host",
    "http2-settings",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "pragma",
    "priority",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "x-client-data",
];

/// What becomes of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// It may be a secret.
    Masked,
    /// Somebody may miss it.
    LeftOut,
    /// Nobody will miss it.
    Dropped,
}

/// Tells what becomes of a header, whose name is in lower case.
pub(super) fn fate(name: &str, value: &str) -> Fate {
    if KEPT.contains(&name) {
        match HeaderValue::from_str(value) {
            Ok(_) => Fate::Kept,
            Err(_) => Fate::LeftOut,
        }
    } else if USUAL.contains(&name) || name.starts_with([':']) || name.starts_with("sec-") {
        Fate::Dropped
    } else if is_secret(name, value) {
        Fate::Masked
    } else {
        Fate::LeftOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_matters_and_no_secret() {
        assert_eq!(fate("content-type", "application/json"), Fate::Kept);
        assert_eq!(fate("content-type", "a\nb"), Fate::LeftOut);
        for name in ["cookie", "authorization", "x-csrf-token", "x-api-key"] {
            assert_eq!(fate(name, "v"), Fate::Masked);
        }
        for name in [":authority", "host", "sec-fetch-mode", "content-length"] {
            assert_eq!(fate(name, "v"), Fate::Dropped);
        }
        assert_eq!(fate("x-tenant", "v"), Fate::LeftOut);
        assert!(KEPT.is_sorted() && USUAL.is_sorted());
    }
}
