//! The service that is sent to.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Scheme, Uri};

use crate::LoadError;

/// How long a target may take to accept the first connection.
const REACH_WITHIN: Duration = Duration::from_secs(1);

/// The service that is sent to: `http://host:port`, with an optional path that is put before every
/// request's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    authority: String,
    prefix: String,
    port: u16,
}

impl Target {
    /// Resolves the name and opens one connection, without a request, to see that somebody is there.
    ///
    /// Blocks for a second at most for each address.
    pub(crate) fn reach(&self) -> Result<Address, LoadError> {
        let unreachable = |reason: String| LoadError::Unreachable {
            target: self.url.clone(),
            reason,
        };
        let host =
            self.authority
                .rsplit_once(':')
                .map_or(self.authority.as_str(), |(host, port)| {
                    if port.ends_with(']') {
                        self.authority.as_str()
                    } else {
                        host
                    }
                });
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (host, self.port)
            .to_socket_addrs()
            .map_err(|error| unreachable(format!("{host} could not be resolved: {error}")))?;
        let mut last = format!("{host} has no address");
        for address in addresses {
            match std::net::TcpStream::connect_timeout(&address, REACH_WITHIN) {
                Ok(_) => {
                    let host = HeaderValue::from_str(&self.authority)
                        .map_err(|error| unreachable(error.to_string()))?;
                    return Ok(Address {
                        socket: address,
                        host,
                        prefix: self.prefix.clone(),
                    });
                }
                Err(error) => last = format!("{address}: {error}"),
            }
        }
        Err(unreachable(last))
    }
}

impl FromStr for Target {
    type Err = LoadError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| LoadError::Target {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => {
                return Err(wrong("TLS is not supported yet; use http://"));
            }
            _ => return Err(wrong("it must begin with http://")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "a user name or password in it would be stored with the run",
            ));
        }
        if uri.query().is_some() {
            return Err(wrong("a query belongs into the scenario's paths"));
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            authority: authority.to_string(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            port: authority.port_u16().unwrap_or(80),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Where a target was found.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// What connections are opened to.
    pub(crate) socket: SocketAddr,
    /// What the `Host` header says.
    pub(crate) host: HeaderValue,
    /// What stands before every path.
    pub(crate) prefix: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_http_url() {
        let target: Target = "http://127.0.0.1:8080/".parse().unwrap();
        assert_eq!(target.to_string(), "http://127.0.0.1:8080");
        let target: Target = "http://localhost/api/".parse().unwrap();
        assert_eq!((target.port, target.prefix.as_str()), (80, "/api"));
    }

    #[test]
    fn anything_else_is_refused() {
        for url in [
            "",
            "localhost:80",
            "https://a",
            "ftp://a",
            "http://u:p@a",
            "http://a/?q=1",
        ] {
            assert!(url.parse::<Target>().is_err(), "{url}");
        }
    }

    #[test]
    fn nobody_there_is_told_with_the_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let target: Target = format!("http://{address}").parse().unwrap();
        let message = target.reach().unwrap_err().to_string();
        assert!(message.contains(&address.to_string()), "{message}");
    }

    #[test]
    fn an_ipv6_literal_is_reached() {
        let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
            return;
        };
        let target: Target = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        assert!(target.reach().is_ok());
    }
}
