//! How connections to a target are opened.

use crate::connect::credentials::Credentials;
use crate::connect::protocol::HttpVersion;
use crate::connect::resolve::Resolve;
use crate::connect::tls::TlsOptions;

/// Users that share an HTTP/2 connection where nobody says otherwise: the number of streams that
/// RFC 9113 advises servers to allow at least.
pub(crate) const USERS_EACH: u32 = 100;

/// How connections to a target are opened.
#[derive(Debug, Clone, Default)]
pub struct DialOptions {
    /// The version of HTTP.
    pub http: HttpVersion,
    /// Whom to trust and what to show.
    pub tls: TlsOptions,
    /// Names whose addresses are told rather than looked up.
    pub resolve: Vec<Resolve>,
    /// What the `Host` header says, rather than the target's own host.
    pub host: Option<String>,
    /// The most users that share an HTTP/2 connection, 1 or more; 100 where it is not given. Fewer
    /// where the service allows fewer streams at a time.
    pub streams: Option<u32>,
    /// The most HTTP/2 connections; users are spread evenly over them, however many share each.
    /// None for as many as `streams` asks for.
    pub connections: Option<u32>,
    /// What the target is told of who is sending.
    pub credentials: Option<Credentials>,
}
