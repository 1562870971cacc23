//! The service under load.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};

use crate::LoadError;
use crate::connect::dial_counts::DialCounts;
use crate::connect::dial_options::{DialOptions, USERS_PER_CONNECTION};
use crate::connect::host_guard::HostGuard;
use crate::connect::name_cache::NameCache;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::{HttpVersion, Protocol};
use crate::connect::resolved_target::ResolvedTarget;
use crate::connect::tls::Tls;

/// The service under load: `http://host:port` or `https://host:port`, with an optional prefix for every
/// path; or `unix:/path/to/socket`.
#[derive(Debug, Clone)]
pub struct Target {
    url: String,
    scheme: Scheme,
    host: String,
    port: u16,
    authority: Authority,
    prefix: String,
    socket: Option<PathBuf>,
    options: DialOptions,
    pinned: Option<Vec<SocketAddr>>,
    guard: HostGuard,
}

impl Target {
    /// Sets the options for its connections.
    ///
    /// # Errors
    /// If an option does not apply to this target or contradicts another.
    pub fn with(mut self, options: DialOptions) -> Result<Self, LoadError> {
        let unusable = |flag: &str, reason: &str| LoadError::Configuration {
            what: flag.to_owned(),
            reason: reason.to_owned(),
        };
        if let Some(flag) = options.tls.first_flag()
            && self.scheme != Scheme::HTTPS
        {
            return Err(unusable(
                flag,
                "it configures TLS, which the target does not use; use an https:// target",
            ));
        }
        let shares = options.streams.is_some() || options.connections.is_some();
        if shares && options.streams.is_some() && options.connections.is_some() {
            return Err(unusable(
                "--streams with --connections",
                "each sets how many users share a connection; give one of them",
            ));
        }
        let negotiates = self.scheme == Scheme::HTTPS && options.http == HttpVersion::Negotiated;
        if shares && !negotiates && options.http != HttpVersion::Http2 {
            return Err(no_sharing(&options));
        }
        if !options.resolve.is_empty() && self.socket.is_some() {
            return Err(unusable("--resolve", "the target is a Unix domain socket"));
        }
        let follows = options.name_server.is_some() || options.resolve_every.is_some();
        if follows && (self.socket.is_some() || !options.resolve.is_empty()) {
            return Err(unusable(
                "--dns or --resolve-every",
                "the target's address is given, so that no name is resolved",
            ));
        }
        if let Some(host) = &options.host {
            self.authority = host
                .parse()
                .ok()
                .filter(|authority: &Authority| !authority.as_str().contains('@'))
                .ok_or_else(|| {
                    unusable(
                        &format!("`{host}` as a host"),
                        "it is not HOST or HOST:PORT; give another with --host",
                    )
                })?;
        }
        self.options = options;
        Ok(self)
    }

    /// The target over HTTP/2, unless another version is set.
    #[must_use]
    pub(crate) fn preferring_http2(mut self) -> Self {
        if self.options.http == HttpVersion::Negotiated {
            self.options.http = HttpVersion::Http2;
        }
        self
    }

    /// The host in the URL, without the brackets of an IPv6 address; `localhost` for a Unix domain
    /// socket.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of a Unix domain socket. `None` for other targets.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Resolves the addresses to connect to, without opening a connection: the pinned ones, those
    /// given for the name (`--resolve`), or those of the system's resolver. Empty for a Unix domain
    /// socket.
    ///
    /// May block for as long as the system's resolver does.
    ///
    /// # Errors
    /// If the host can't be resolved.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, LoadError> {
        if let Some(pinned) = &self.pinned {
            return Ok(pinned.clone());
        }
        if self.socket.is_some() {
            return Ok(Vec::new());
        }
        let given = self
            .options
            .resolve
            .iter()
            .find_map(|resolve| resolve.of(&self.host, self.port));
        if let Some(given) = given {
            let with_port = |address: &IpAddr| SocketAddr::new(*address, self.port);
            return Ok(given.iter().map(with_port).collect());
        }
        Ok(self.look_up()?.0)
    }

    /// Looks the host up at the name server of the options, or else by the system's resolver. Returns its addresses, and the time for
    /// which they are to be used.
    ///
    /// # Errors
    /// If the host can't be resolved.
    pub(crate) fn look_up(&self) -> Result<(Vec<SocketAddr>, Duration), LoadError> {
        let unresolved = |reason: &str, question: &str| LoadError::Unreachable {
            target: self.url.clone(),
            reason: format!("{} could not be resolved: {reason}; {question}?", self.host),
        };
        let unknown = |reason: String| unresolved(&reason, "is the name right");
        let literal: Option<IpAddr> = self.host.parse().ok();
        let (addresses, ttl) = match self.options.name_server.filter(|_| literal.is_none()) {
            Some(server) => {
                let found = server.look_up(&self.host);
                let found = found.map_err(|error| match error.kind() {
                    ErrorKind::NotFound | ErrorKind::InvalidInput => unknown(error.to_string()),
                    _ => unresolved(
                        &error.to_string(),
                        &format!("does the name server {} answer", server.address()),
                    ),
                })?;
                let with_port = |address: IpAddr| SocketAddr::new(address, self.port);
                let addresses = found.addresses.into_iter().map(with_port);
                (addresses.collect(), found.ttl)
            }
            None => {
                let found = (self.host.as_str(), self.port).to_socket_addrs();
                let found = found.map_err(|error| unknown(error.to_string()))?;
                (found.collect::<Vec<_>>(), Duration::MAX)
            }
        };
        if addresses.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        Ok((addresses, self.options.resolve_every.unwrap_or(ttl)))
    }

    /// Returns whether its name is resolved again during a run.
    fn follows_name(&self) -> bool {
        let options = &self.options;
        (options.name_server.is_some() || options.resolve_every.is_some())
            && self.host.parse::<IpAddr>().is_err()
    }

    /// Pins the host to these addresses: it is not resolved again, and connections are opened only to
    /// them.
    #[must_use]
    pub fn at(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.pinned = Some(addresses);
        self
    }

    /// Sets the guard that judges the hosts that redirects lead to. Without one, redirects are followed only
    /// to the target's own addresses.
    #[must_use]
    pub fn guarded_by(mut self, guard: HostGuard) -> Self {
        self.guard = guard;
        self
    }

    /// The addresses that it is pinned to. `None` if its host is resolved.
    pub(crate) fn pinned(&self) -> Option<&[SocketAddr]> {
        self.pinned.as_deref()
    }

    /// The options of its connections.
    pub(crate) fn options(&self) -> &DialOptions {
        &self.options
    }

    /// The guard that judges the hosts that redirects lead to.
    pub(crate) fn guard(&self) -> &HostGuard {
        &self.guard
    }

    /// A target for another origin that a redirect leads to.
    ///
    /// It inherits the trusted certificates and the addresses given for names (`--resolve`), but neither
    /// credentials nor a client certificate.
    ///
    /// # Errors
    /// If the URL is not usable.
    pub(crate) fn other_origin(&self, url: &str) -> Result<Self, LoadError> {
        let mut other: Self = url.parse()?;
        let is_https = other.scheme == Scheme::HTTPS;
        other.options = DialOptions {
            http: match self.options.http {
                HttpVersion::Http1 => HttpVersion::Http1,
                HttpVersion::Negotiated | HttpVersion::Http2 => HttpVersion::Negotiated,
            },
            resolve: self.options.resolve.clone(),
            ..DialOptions::default()
        };
        if is_https {
            other.options.tls.ca = self.options.tls.ca.clone();
            other.options.tls.insecure = self.options.tls.insecure;
        }
        Ok(other)
    }

    /// Resolves the target and connects once to each address, without a request, to agree on TLS and
    /// an HTTP version.
    ///
    /// Takes at most a second for each address, and 5 s more with TLS.
    ///
    /// # Errors
    /// If no address accepts, or no protocol can be agreed on.
    pub(crate) async fn reach(&self) -> Result<ResolvedTarget, LoadError> {
        let addresses = match &self.socket {
            Some(path) => vec![PeerAddress::Unix(path.clone())],
            None => self.resolve()?.into_iter().map(PeerAddress::Tcp).collect(),
        };
        let mut target = self.resolved(addresses.clone())?;
        target.reach(&self.url, self.wanted()).await?;
        target.names = self.follows_name().then(|| NameCache::new(self, addresses));
        let options = &self.options;
        let shares = options.streams.is_some() || options.connections.is_some();
        if shares && target.protocol == Protocol::Http1 {
            return Err(no_sharing(options));
        }
        Ok(target)
    }

    /// The target at these addresses, before a protocol is agreed on.
    ///
    /// # Errors
    /// If the TLS files can't be used.
    pub(crate) fn resolved(
        &self,
        addresses: Vec<PeerAddress>,
    ) -> Result<ResolvedTarget, LoadError> {
        let options = &self.options;
        let tls = (self.scheme == Scheme::HTTPS)
            .then(|| Tls::new(&options.tls, &self.host, options.http))
            .transpose()?;
        let host =
            HeaderValue::from_str(self.authority.as_str()).map_err(|error| LoadError::Target {
                url: self.url.clone(),
                reason: error.to_string(),
            })?;
        Ok(ResolvedTarget {
            dialed: (self.host.clone(), self.port),
            addresses,
            fallbacks: Vec::new(),
            dials_begun: AtomicUsize::new(0),
            host,
            prefix: self.prefix.clone(),
            scheme: self.scheme.clone(),
            authority: self.authority.clone(),
            authorization: options
                .credentials
                .as_ref()
                .and_then(|given| given.header()),
            credentials: options
                .credentials
                .as_ref()
                .map(|given| given.scheme().name()),
            protocol: self.wanted().unwrap_or(Protocol::Http1),
            tls,
            names: None,
            dials: DialCounts::default(),
        })
    }

    /// The most users that share one HTTP/2 connection.
    pub(crate) fn users_per_connection(&self) -> u32 {
        self.options.streams.unwrap_or(USERS_PER_CONNECTION)
    }

    /// The most HTTP/2 connections. `None` for as many as the users need.
    pub(crate) fn connections_max(&self) -> Option<u32> {
        self.options.connections
    }

    /// The protocol that the options set. `None` if it is negotiated.
    fn wanted(&self) -> Option<Protocol> {
        match self.options.http {
            HttpVersion::Negotiated => None,
            HttpVersion::Http1 => Some(Protocol::Http1),
            HttpVersion::Http2 => Some(Protocol::Http2),
        }
    }
}

fn no_sharing(options: &DialOptions) -> LoadError {
    let flag = if options.streams.is_some() {
        "--streams"
    } else {
        "--connections"
    };
    LoadError::Configuration {
        what: flag.to_owned(),
        reason:
            "only HTTP/2 shares connections, and the target speaks HTTP/1.1, where each user has \
                 its own; limit those with --users, or give --http 2"
                .to_owned(),
    }
}

impl FromStr for Target {
    type Err = LoadError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| LoadError::Target {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        if let Some((path, prefix)) = socket_of(url).map_err(wrong)? {
            return Ok(Self {
                url: url.to_owned(),
                scheme: Scheme::HTTP,
                host: "localhost".to_owned(),
                port: 80,
                authority: Authority::from_static("localhost"),
                prefix,
                socket: Some(path),
                options: DialOptions::default(),
                pinned: None,
                guard: HostGuard::default(),
            });
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        let scheme = uri
            .scheme()
            .filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS)
            .ok_or_else(|| wrong("it must begin with http://, https:// or unix:"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "a user name or password in it would be stored with the run; give them with \
                 --auth-basic-file",
            ));
        }
        if uri.query().is_some() {
            return Err(wrong("a query belongs in the scenario's paths"));
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() != authority.host() => {
                return Err(wrong("its port is not a number from 1 to 65535"));
            }
            None if *scheme == Scheme::HTTPS => 443,
            None => 80,
        };
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            scheme: scheme.clone(),
            host: host.to_owned(),
            port,
            authority: authority.clone(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            socket: None,
            options: DialOptions::default(),
            pinned: None,
            guard: HostGuard::default(),
        })
    }
}

/// The socket path and path prefix of a URL for a Unix domain socket: `unix:/path` or
/// `http+unix://%2Fpath/prefix`. `None` for other URLs.
fn socket_of(url: &str) -> Result<Option<(PathBuf, String)>, &'static str> {
    let (path, prefix) = if let Some(path) = url.strip_prefix("unix:") {
        let path = match path.strip_prefix("//") {
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        };
        (path.as_bytes().to_vec(), "")
    } else if let Some(rest) = url.strip_prefix("http+unix://") {
        let (path, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = decode(path).ok_or("its path has a % without two hexadecimal digits")?;
        if prefix.contains(['?', '#']) {
            return Err("a query belongs in the scenario's paths");
        }
        (path, prefix.trim_end_matches('/'))
    } else {
        return Ok(None);
    };
    if path.is_empty() || path.contains(&0) {
        return Err("it has no socket path; write unix:/path/to/socket");
    }
    let path = String::from_utf8(path).map_err(|_| "its path is not UTF-8")?;
    let allowed = |c: char| c.is_ascii_graphic();
    if !prefix.chars().all(allowed) {
        return Err("its path contains a blank or a non-ASCII character; write %20 for a blank");
    }
    Ok(Some((PathBuf::from(path), prefix.to_owned())))
}

/// Decodes percent-encoding. `None` if it is malformed.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(decoded)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests;
