//! Requests ready to send, and their HTTP/1.1 form (RFC 9112).

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method};
use tenfold_scenarios::Rendered;

use crate::failure::Failure;
use crate::http::endpoint::Endpoint;
use crate::http::event_stream::EventSink;

/// A request that is ready to send: rendered, with its destination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// Its destination.
    pub(crate) endpoint: &'a Endpoint,
    /// The text before its path: the path of the target's URL, or empty if the path is complete.
    pub(crate) prefix: &'a str,
    /// Path, headers and body.
    pub(crate) rendered: &'a Rendered,
    /// Set when a connection takes it: from then on it may have reached the service.
    pub(crate) is_written: &'a AtomicBool,
    /// Receiver of its events, if the answer is a stream of them.
    pub(crate) events: Option<&'a dyn EventSink>,
}

impl Outgoing<'_> {
    /// Notes that a connection is about to send it.
    pub(crate) fn mark_written(&self) {
        self.is_written.store(true, Ordering::Relaxed);
    }

    /// Appends the request, including its body, to `out`.
    ///
    /// # Errors
    /// [`Failure::Unsendable`] if the path is not valid. Nothing is appended then.
    pub(crate) fn write_http1(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Self {
            method, rendered, ..
        } = self;
        let prefix = self.prefix()?;
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        put(method.as_str().as_bytes());
        put(b" ");
        put(prefix.as_bytes());
        put(rendered.path.as_bytes());
        put(b" HTTP/1.1\r\nhost: ");
        put(self.host().as_bytes());
        put(b"\r\n");
        for (name, value) in &rendered.headers {
            if *name != HOST && *name != CONTENT_LENGTH {
                put(name.as_str().as_bytes());
                put(b": ");
                put(value.as_bytes());
                put(b"\r\n");
            }
        }
        if let Some(credentials) = self.credentials() {
            put(b"authorization: ");
            put(credentials.as_bytes());
            put(b"\r\n");
        }
        if self.announces_length() {
            put(b"content-length: ");
            put(decimal(rendered.body.len(), &mut [0; 20]));
            put(b"\r\n");
        }
        put(b"\r\n");
        put(&rendered.body);
        Ok(())
    }

    /// The text before the path. Empty for the asterisk form, `OPTIONS *`, which asks about the service as a
    /// whole (RFC 9112, section 3.2.4).
    ///
    /// # Errors
    /// [`Failure::Unsendable`] if the path is not valid.
    pub(crate) fn prefix(&self) -> Result<&str, Failure> {
        let is_invalid = |byte: &u8| *byte <= b' ' || *byte == 0x7f;
        match self.rendered.path.as_bytes() {
            path @ [b'/', ..] if !path.iter().any(is_invalid) => Ok(self.prefix),
            b"*" if *self.method == Method::OPTIONS => Ok(""),
            _ => Err(Failure::Unsendable),
        }
    }

    /// The scenario's `Host` header, or else the target's.
    pub(crate) fn host(&self) -> &HeaderValue {
        let own = self.rendered.headers.iter().rev();
        own.into_iter()
            .find(|(name, _)| *name == HOST)
            .map_or(&self.endpoint.target.host, |(_, value)| value)
    }

    /// The credentials of the run. `None` if the scenario sets its own for this request.
    pub(crate) fn credentials(&self) -> Option<&HeaderValue> {
        let credentials = self.endpoint.target.authorization.as_ref()?;
        let mut own = self.rendered.headers.iter();
        (!own.any(|(name, _)| *name == AUTHORIZATION)).then_some(credentials)
    }

    /// Returns true if `content-length` is to be sent. A method that defines a meaning for a body requires it even if
    /// the body is empty (RFC 9110, section 8.6).
    pub(crate) fn announces_length(&self) -> bool {
        !self.rendered.body.is_empty()
            || matches!(*self.method, Method::POST | Method::PUT | Method::PATCH)
    }
}

/// Writes a number in decimal digits.
fn decimal(number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenfold_scenarios::{Draw, Scenario};

    use super::*;
    use crate::connect::{AuthScheme, Credentials, DialOptions, Target};
    use crate::http::pool::Pool;

    fn written(request: &str, prefix: &str) -> String {
        written_with(request, prefix, None)
    }

    fn written_with(request: &str, prefix: &str, credentials: Option<&Credentials>) -> String {
        let text = format!(
            "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
             weight = 1\n{request}"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap();
        let draw = Draw::default();
        let planned = &scenario.requests[0];
        let mut rendered = Rendered::default();
        planned
            .render(&draw, &scenario.variables(), &mut rendered)
            .unwrap();
        let target: Target = format!("http://a:80{prefix}").parse().unwrap();
        let options = DialOptions {
            credentials: credentials.cloned(),
            ..DialOptions::default()
        };
        let target = target.with(options).unwrap();
        let endpoint = Endpoint {
            target: target.resolved(Vec::new()).unwrap(),
            pool: Pool::new(1, None),
        };
        let outgoing = Outgoing {
            method: &planned.method,
            endpoint: &endpoint,
            prefix: &endpoint.target.prefix,
            rendered: &rendered,
            is_written: &AtomicBool::new(false),
            events: None,
        };
        let mut out = Vec::new();
        outgoing.write_http1(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_request_line_and_headers() {
        assert_eq!(
            written("path = \"/p\"\nheaders = { accept = \"x\" }", "/api"),
            "GET /api/p HTTP/1.1\r\nhost: a:80\r\naccept: x\r\n\r\n"
        );
    }

    #[test]
    fn writes_asterisk_form() {
        assert_eq!(
            written("path = \"*\"\nmethod = \"OPTIONS\"", "/api"),
            "OPTIONS * HTTP/1.1\r\nhost: a:80\r\n\r\n"
        );
    }

    #[test]
    fn writes_content_length_for_bodies() {
        assert_eq!(
            written("path = \"/p\"\nmethod = \"POST\"\nbody = \"hello\"", ""),
            "POST /p HTTP/1.1\r\nhost: a:80\r\ncontent-length: 5\r\n\r\nhello"
        );
        assert_eq!(
            written("path = \"/p\"\nmethod = \"PUT\"", ""),
            "PUT /p HTTP/1.1\r\nhost: a:80\r\ncontent-length: 0\r\n\r\n"
        );
    }

    #[test]
    fn scenario_host_overrides_target() {
        assert_eq!(
            written("path = \"/p\"\nheaders = { host = \"b\" }", ""),
            "GET /p HTTP/1.1\r\nhost: b\r\n\r\n"
        );
    }

    #[test]
    fn scenario_authorization_overrides_credentials() {
        let credentials = Credentials::new(AuthScheme::Bearer, "t0", "a test").unwrap();
        assert_eq!(
            written_with("path = \"/p\"", "", Some(&credentials)),
            "GET /p HTTP/1.1\r\nhost: a:80\r\nauthorization: Bearer t0\r\n\r\n"
        );
        let own = "path = \"/p\"\nheaders = { authorization = \"Bearer t1\" }";
        assert_eq!(
            written_with(own, "", Some(&credentials)),
            "GET /p HTTP/1.1\r\nhost: a:80\r\nauthorization: Bearer t1\r\n\r\n"
        );
    }

    #[test]
    fn writes_decimal_numbers() {
        for number in [0, 7, 10, 1_000, usize::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
