//! Request lines, as logged.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use tenfold_secret::masked_target;

use super::host;
use super::not_sent::NotSent;

/// The request of a logged request line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedRequest {
    pub(crate) method: String,
    /// Target in origin form, which the generator can send.
    pub(crate) target: String,
    /// Host of a target that was logged in absolute form.
    pub(crate) host: Option<String>,
    /// Locations and names of masked secrets.
    pub(crate) masked: Vec<String>,
}

/// Maximum length of a method in bytes; the longest registered one, `UPDATEREDIRECTREF`, has 17.
const METHOD_BYTES_MAX: usize = 32;

/// Maximum length of a target in bytes, so that it fits a line of a trace and a URI.
const TARGET_BYTES_MAX: usize = 60_000;

/// Bytes that the target of a request must not contain (RFC 3986, appendix A), except those that servers commonly
/// accept, and the two that JSON would escape. Bytes beyond ASCII are encoded in any case.
const UNSENDABLE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\\')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`');

/// Protocol of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    /// Not logged, as for HTTP/0.9 and for other protocols.
    Unknown,
}

impl LoggedRequest {
    /// Parses `GET /path HTTP/1.1`, or `GET /path` as in HTTP/0.9.
    ///
    /// # Errors
    /// Returns the reason why it is not a request for an origin server.
    pub(crate) fn of_line(line: &[u8]) -> Result<Self, NotSent> {
        let line = line.trim_ascii();
        if matches!(line, b"" | b"-") {
            return Err(NotSent::Missing);
        }
        let space = line.iter().position(|byte| *byte == b' ');
        let space = space.ok_or(NotSent::NotHttp)?;
        let (method, rest) = (&line[..space], line[space..].trim_ascii_start());
        // The protocol is the last word; earlier blanks belong to the target.
        let last = rest.iter().rposition(|byte| *byte == b' ');
        let (target, protocol) = match last {
            Some(last) if is_http(&rest[last + 1..]) => {
                (rest[..last].trim_ascii_end(), Protocol::Http)
            }
            Some(last) if is_protocol(&rest[last + 1..]) => return Err(NotSent::NotHttp),
            _ => (rest, Protocol::Unknown),
        };
        Self::checked(method, target, protocol)
    }

    /// Makes a request from a method and a target that are logged separately.
    ///
    /// # Errors
    /// As [`LoggedRequest::of_line`].
    pub(crate) fn of_parts(method: &[u8], target: &[u8]) -> Result<Self, NotSent> {
        Self::checked(method, target, Protocol::Http)
    }

    /// Makes a request as [`LoggedRequest::of_parts`] does, but leaves secrets in its target.
    ///
    /// # Errors
    /// As [`LoggedRequest::of_line`].
    pub(crate) fn with_secrets(method: &[u8], target: &[u8]) -> Result<Self, NotSent> {
        Self::encoded(method, target, Protocol::Http)?.sendable()
    }

    fn checked(method: &[u8], target: &[u8], protocol: Protocol) -> Result<Self, NotSent> {
        let mut request = Self::encoded(method, target, protocol)?;
        let without_secrets = match masked_target(&request.target, &mut request.masked) {
            Cow::Borrowed(_) => None,
            Cow::Owned(without) => Some(without),
        };
        if let Some(without) = without_secrets {
            request.target = without;
        }
        request.sendable()
    }

    /// Makes a request whose target is in origin form and percent-encoded, with its secrets.
    fn encoded(method: &[u8], target: &[u8], protocol: Protocol) -> Result<Self, NotSent> {
        // Load balancers log `- http://host:80- ` for a connection without a request.
        if matches!(method, b"" | b"-") || matches!(target, b"-") {
            return Err(NotSent::Missing);
        }
        let is_method = method.len() <= METHOD_BYTES_MAX
            && method.iter().all(|byte| is_token(*byte))
            // The preface of HTTP/2.
            && method != b"PRI";
        if !is_method || target.is_empty() || is_http(target) {
            return Err(NotSent::NotHttp);
        }
        let method = std::str::from_utf8(method).map_err(|_| NotSent::NotHttp)?;
        match (method, target) {
            ("CONNECT", _) => return Err(NotSent::Connect),
            ("OPTIONS", b"*") => return Err(NotSent::Asterisk),
            _ => {}
        }
        let absolute = AbsoluteForm::split(target);
        if absolute.as_ref().is_some_and(|form| form.is_web_socket) {
            return Err(NotSent::Upgrade);
        }
        let (host, slash, target) = match absolute {
            Some(form) => (host::normalized(form.authority), form.slash, form.rest),
            None => (None, "", target),
        };
        if slash.is_empty() && target.first() != Some(&b'/') {
            return Err(match protocol {
                Protocol::Http => NotSent::NotPath,
                Protocol::Unknown => NotSent::NotHttp,
            });
        }
        Ok(Self {
            method: method.to_owned(),
            target: format!("{slash}{}", percent_encode(target, UNSENDABLE)),
            host,
            masked: Vec::new(),
        })
    }

    /// Returns the request if the generator can send its target.
    fn sendable(self) -> Result<Self, NotSent> {
        match self.target.len() > TARGET_BYTES_MAX {
            true => Err(NotSent::TooLong),
            false if is_sendable(&self.target) => Ok(self),
            false => Err(NotSent::NotPath),
        }
    }
}

/// A target in absolute form (RFC 9112, 3.2.2).
struct AbsoluteForm<'a> {
    is_web_socket: bool,
    authority: &'a [u8],
    /// The slash that the path lacks, as in `http://host?query`.
    slash: &'static str,
    /// Path and query.
    rest: &'a [u8],
}

impl<'a> AbsoluteForm<'a> {
    fn split(target: &'a [u8]) -> Option<Self> {
        let scheme = ["http://", "https://", "ws://", "wss://"]
            .into_iter()
            .find(|scheme| {
                target
                    .get(..scheme.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
            })?;
        let rest = &target[scheme.len()..];
        let end = rest.iter().position(|byte| b"/?#".contains(byte));
        let (authority, rest) = rest.split_at(end.unwrap_or(rest.len()));
        Some(Self {
            is_web_socket: scheme.starts_with("ws"),
            authority,
            slash: if rest.first() == Some(&b'/') { "" } else { "/" },
            rest,
        })
    }
}

/// Returns whether the generator can send a target over any version of HTTP.
fn is_sendable(target: &str) -> bool {
    target.starts_with('/')
        && PathAndQuery::try_from(target).is_ok_and(|parsed| parsed.as_str() == target)
}

/// Returns whether a word names a version of HTTP.
fn is_http(word: &[u8]) -> bool {
    word.get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/"))
}

/// Returns whether a word names a protocol and its version, such as `RTSP/1.0`.
fn is_protocol(word: &[u8]) -> bool {
    let Some(slash) = word.iter().position(|byte| *byte == b'/') else {
        return false;
    };
    let (name, version) = (&word[..slash], &word[slash + 1..]);
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    name.first().is_some_and(u8::is_ascii_uppercase)
        && name.iter().all(is_name)
        && version.first().is_some_and(u8::is_ascii_digit)
        && version
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// A `tchar` of RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(String, String), NotSent> {
        LoggedRequest::of_line(line.as_bytes()).map(|request| (request.method, request.target))
    }

    fn ok(method: &str, target: &str) -> Result<(String, String), NotSent> {
        Ok((method.to_owned(), target.to_owned()))
    }

    #[test]
    fn reads_every_form_of_target() {
        assert_eq!(read("GET /a?b=1 HTTP/1.1"), ok("GET", "/a?b=1"));
        assert_eq!(read("GET /old"), ok("GET", "/old"));
        assert_eq!(read("GET http://a.example/x?y HTTP/1.1"), ok("GET", "/x?y"));
        assert_eq!(read("GET HTTPS://a.example HTTP/1.1"), ok("GET", "/"));
        assert_eq!(read("GET http://a.example?q HTTP/1.1"), ok("GET", "/?q"));
        assert_eq!(read("GET /two words HTTP/1.0"), ok("GET", "/two%20words"));
        assert_eq!(read("GET /two words"), ok("GET", "/two%20words"));
        assert_eq!(
            read("GET /\u{e9}\"\\#<>` HTTP/1.0"),
            ok("GET", "/%C3%A9%22%5C%23%3C%3E%60")
        );
        assert_eq!(read("PROPFIND / HTTP/1.1"), ok("PROPFIND", "/"));
        assert_eq!(read("GET //a.example/ HTTP/1.1"), ok("GET", "//a.example/"));
    }

    #[test]
    fn returns_the_host_of_an_absolute_target() {
        let host = |line: &str| LoggedRequest::of_line(line.as_bytes()).unwrap().host;
        assert_eq!(
            host("GET https://A.example:443/ HTTP/2.0").as_deref(),
            Some("a.example")
        );
        assert_eq!(host("GET / HTTP/1.1"), None);
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
            assert_eq!(read(line), ok("GET", target));
        }
    }

    #[test]
    fn names_the_reason_for_lines_that_are_not_sent() {
        let long = format!("GET /{} HTTP/1.1", "x".repeat(TARGET_BYTES_MAX));
        for (line, reason) in [
            ("-", NotSent::Missing),
            ("", NotSent::Missing),
            (" ", NotSent::Missing),
            ("- http://a.example:80- ", NotSent::Missing),
            ("\u{16}\u{3}\u{1}", NotSent::NotHttp),
            ("\u{16}\u{3} x", NotSent::NotHttp),
            ("t3 12.1.2", NotSent::NotHttp),
            ("SSH-2.0-OpenSSH_9.2p1 Debian", NotSent::NotHttp),
            ("OPTIONS / RTSP/1.0", NotSent::NotHttp),
            ("OPTIONS sip:nm SIP/2.0", NotSent::NotHttp),
            ("PRI * HTTP/2.0", NotSent::NotHttp),
            ("GET", NotSent::NotHttp),
            ("GET ", NotSent::NotHttp),
            ("GET HTTP/1.1", NotSent::NotHttp),
            ("G(T / HTTP/1.1", NotSent::NotHttp),
            ("CONNECT a.example:443 HTTP/1.1", NotSent::Connect),
            ("OPTIONS * HTTP/1.0", NotSent::Asterisk),
            ("GET * HTTP/1.1", NotSent::NotPath),
            ("GET nonsense HTTP/1.1", NotSent::NotPath),
            ("GET ?x=1 HTTP/1.1", NotSent::NotPath),
            ("GET wss://a.example/live HTTP/1.1", NotSent::Upgrade),
            (&long, NotSent::TooLong),
        ] {
            assert_eq!(read(line), Err(reason), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn keeps_only_targets_that_can_be_sent(line in r"[A-Z]{1,6} /?[ -~\u{80}-\u{4ff}]{0,60}( HTTP/1\.1)?") {
            if let Ok(request) = LoggedRequest::of_line(line.as_bytes()) {
                proptest::prop_assert!(is_sendable(&request.target));
                let is_invalid = |byte: u8| byte <= b' ' || byte == 0x7f;
                proptest::prop_assert!(!request.target.bytes().any(is_invalid));
            }
        }
    }
}
