//! Selection of request headers in a HAR file.

use http::HeaderValue;
use tenfold_secret::is_secret;

/// Headers that affect the response. Only these are kept, because an unknown header may be a secret.
const KEPT: [&str; 14] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-version",
    "api-version",
    "content-language",
    "content-type",
    "origin",
    "range",
    "user-agent",
    "x-api-version",
    "x-http-method-override",
    "x-requested-with",
];

/// Headers that clients generate or that belong to one page view; their omission is not reported.
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

/// Treatment of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// May be a secret: masked and reported.
    Masked,
    /// Left out and reported.
    LeftOut,
    /// `content-encoding`: left out, because the file has the decoded body.
    Decoded,
    /// Left out without a report.
    Dropped,
}

/// Returns the treatment of a header, whose name is in lower case.
pub(super) fn fate(name: &str, value: &str) -> Fate {
    if KEPT.contains(&name) {
        match HeaderValue::from_str(value) {
            Ok(_) => Fate::Kept,
            Err(_) => Fate::LeftOut,
        }
    } else if name == "content-encoding" {
        Fate::Decoded
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
    fn keeps_relevant_headers_and_no_secrets() {
        assert_eq!(fate("content-type", "application/json"), Fate::Kept);
        assert_eq!(fate("content-type", "a\nb"), Fate::LeftOut);
        for name in ["cookie", "authorization", "x-csrf-token", "x-api-key"] {
            assert_eq!(fate(name, "v"), Fate::Masked);
        }
        for name in [":authority", "host", "sec-fetch-mode", "content-length"] {
            assert_eq!(fate(name, "v"), Fate::Dropped);
        }
        assert_eq!(fate("content-encoding", "gzip"), Fate::Decoded);
        assert_eq!(fate("x-tenant", "v"), Fate::LeftOut);
        assert!(KEPT.is_sorted() && USUAL.is_sorted());
    }
}
