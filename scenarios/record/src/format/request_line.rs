//! Request lines, as logged.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use tenfold_secret::masked_target;

/// The request of a logged request line, with the secrets of its target masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedRequest {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Locations and names of masked secrets.
    pub(crate) masked: Vec<String>,
}

/// Maximum length of a method in bytes; the longest registered one, `UPDATEREDIRECTREF`, has 17.
const METHOD_BYTES_MAX: usize = 32;

/// Bytes that a request line must not contain, and the two that JSON would escape. Bytes beyond ASCII are
/// encoded in any case.
const UNPRINTABLE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\');

impl LoggedRequest {
    /// Parses `GET /path HTTP/1.1`, or `GET /path` as in HTTP/0.9.
    ///
    /// Returns `None` if it is no request: `-`, which servers log when a connection times out or closes
    /// without one, or bytes of another protocol.
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        let space = line.iter().position(|byte| *byte == b' ')?;
        let (method, rest) = (&line[..space], line[space..].trim_ascii_start());
        // The protocol is the last word; earlier blanks belong to the target.
        let target = match rest.iter().rposition(|byte| *byte == b' ') {
            Some(last) if rest[last + 1..].starts_with(b"HTTP/") => rest[..last].trim_ascii_end(),
            _ => rest,
        };
        Self::of_parts(method, target)
    }

    /// Makes a request from a method and a target that are logged separately.
    pub(crate) fn of_parts(method: &[u8], target: &[u8]) -> Option<Self> {
        // Load balancers log `- http://host:80- ` for a connection without a request.
        let valid = !matches!(method, b"" | b"-")
            && method.len() <= METHOD_BYTES_MAX
            && method.iter().all(|byte| is_token(*byte));
        if !valid || target.is_empty() || target.starts_with(b"HTTP/") {
            return None;
        }
        let method = std::str::from_utf8(method).ok()?.to_owned();
        let target = printable(origin_form(target));
        let mut masked = Vec::new();
        let without_secrets = match masked_target(&target, &mut masked) {
            Cow::Borrowed(_) => None,
            Cow::Owned(without) => Some(without),
        };
        Some(Self {
            method,
            target: without_secrets.unwrap_or(target),
            masked,
        })
    }
}

/// Removes scheme and host from a target in absolute form (RFC 9112, 3.2.2).
fn origin_form(target: &[u8]) -> (&'static str, &[u8]) {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    });
    let Some(scheme) = scheme else {
        return ("", target);
    };
    let rest = &target[scheme.len()..];
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?')) {
        Some(at) if rest[at] == b'/' => ("", &rest[at..]),
        Some(at) => ("/", &rest[at..]),
        None => ("/", b""),
    }
}

/// Percent-encodes bytes that a request line must not contain, and those that JSON would escape.
fn printable((start, rest): (&str, &[u8])) -> String {
    format!("{start}{}", percent_encode(rest, UNPRINTABLE))
}

/// A `tchar` of RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, String)> {
        LoggedRequest::of_line(line.as_bytes()).map(|request| (request.method, request.target))
    }

    fn some(method: &str, target: &str) -> Option<(String, String)> {
        Some((method.to_owned(), target.to_owned()))
    }

    #[test]
    fn reads_every_form_of_target() {
        assert_eq!(read("GET /a?b=1 HTTP/1.1"), some("GET", "/a?b=1"));
        assert_eq!(read("GET /old"), some("GET", "/old"));
        assert_eq!(read("OPTIONS * HTTP/1.1"), some("OPTIONS", "*"));
        assert_eq!(
            read("CONNECT a.example:443 HTTP/1.1"),
            some("CONNECT", "a.example:443")
        );
        assert_eq!(
            read("GET http://a.example/x?y HTTP/1.1"),
            some("GET", "/x?y")
        );
        assert_eq!(read("GET HTTPS://a.example HTTP/1.1"), some("GET", "/"));
        assert_eq!(read("GET http://a.example?q HTTP/1.1"), some("GET", "/?q"));
        assert_eq!(read("GET /two words HTTP/1.0"), some("GET", "/two%20words"));
        assert_eq!(
            read("GET /\u{e9}\"\\ HTTP/1.0"),
            some("GET", "/%C3%A9%22%5C")
        );
        assert_eq!(read("PROPFIND / HTTP/1.1"), some("PROPFIND", "/"));
    }

    #[test]
    fn masks_secrets() {
        for (line, target) in [
            ("GET /a?token=TSLOG1&q=1 HTTP/1.1", "/a?token=***&q=1"),
            (
                "GET /a;jsessionid=TSLOG1?q=1 HTTP/1.1",
                "/a;jsessionid=***?q=1",
            ),
            (
                "GET http://u:TSLOG1@a.example/?pin=TSLOG1 HTTP/1.1",
                "/?pin=***",
            ),
            ("GET /a?q=1&token= HTTP/1.1", "/a?q=1&token="),
        ] {
            assert_eq!(read(line), some("GET", target));
        }
    }

    #[test]
    fn returns_none_without_a_request() {
        for line in [
            "-",
            "",
            " ",
            "\u{16}\u{3}\u{1}",
            "\u{16}\u{3} x",
            "GET",
            "GET ",
            "GET HTTP/1.1",
            "G(T / HTTP/1.1",
            "- http://a.example:80- ",
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }
}
