//! Options for connections to a target.

use std::time::Duration;

use crate::connect::credentials::Credentials;
use crate::connect::name_server::NameServer;
use crate::connect::protocol::HttpVersion;
use crate::connect::resolve::Resolve;
use crate::connect::tls::TlsOptions;

/// Default number of users that share an HTTP/2 connection: the least number of concurrent streams
/// that RFC 9113 recommends servers to allow.
pub(crate) const USERS_PER_CONNECTION: u32 = 100;

/// Options for connections to a target.
#[derive(Debug, Clone, Default)]
pub struct DialOptions {
    /// The version of HTTP.
    pub http: HttpVersion,
    /// TLS: trusted certificates, client certificate, server name.
    pub tls: TlsOptions,
    /// Addresses to use instead of name resolution.
    pub resolve: Vec<Resolve>,
    /// Name server to ask instead of the system's resolver. The name is resolved again once its answer is invalid.
    pub name_server: Option<NameServer>,
    /// Time after which a name is resolved again, whatever the validity of its answer. `None` for that validity, which the system's
    /// resolver does not tell: names are then resolved once.
    pub resolve_every: Option<Duration>,
    /// Value of the `Host` header. `None` for the target's host.
    pub host: Option<String>,
    /// The most users that share an HTTP/2 connection, 1 or more. `None` for 100. Fewer users share
    /// it if the service allows fewer concurrent streams.
    pub streams: Option<u32>,
    /// The most HTTP/2 connections. Users are spread evenly over them, without a limit per
    /// connection. `None` for as many connections as `streams` requires.
    pub connections: Option<u32>,
    /// Credentials to send with each request.
    pub credentials: Option<Credentials>,
}
