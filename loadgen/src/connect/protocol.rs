//! HTTP versions: the one asked for and the one that a connection speaks.

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// With TLS what the service prefers of HTTP/2 and HTTP/1.1; without TLS HTTP/1.1.
    #[default]
    Negotiated,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS from the first byte on (prior knowledge).
    Http2,
}

/// Which protocol a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1: one exchange at a time.
    Http1,
    /// HTTP/2: many at a time.
    Http2,
}

impl Protocol {
    /// How people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Http1 => "HTTP/1.1",
            Protocol::Http2 => "HTTP/2",
        }
    }
}
