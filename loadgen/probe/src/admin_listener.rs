//! The admin listener of a target.

use std::net::{SocketAddr, ToSocketAddrs};

use ureq::http::Uri;

use crate::{ProbeError, http};

/// The listener at which a target offers `/metrics` and `/debug/pprof`: a URL, optionally with fixed addresses.
///
/// The URL may omit `http://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminListener {
    url: String,
    addresses: Option<Vec<SocketAddr>>,
}

impl AdminListener {
    /// Returns the host of the URL, without the brackets of an IPv6 address. `None` if the URL has no host.
    pub fn host(&self) -> Option<String> {
        let uri: Uri = self.join("").url.parse().ok()?;
        let host = uri.host()?;
        Some(
            host.trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
        )
    }

    /// Returns the addresses of the host, without sending anything to them. Calls the system's resolver, unless the addresses
    /// are fixed.
    ///
    /// # Errors
    /// If the URL has no host, or the host has no address.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, ProbeError> {
        if let Some(addresses) = &self.addresses {
            return Ok(addresses.clone());
        }
        let invalid = |reason: String| ProbeError::Address {
            url: self.url.clone(),
            reason,
        };
        let url = self.join("").url;
        let uri: Uri = url
            .parse()
            .map_err(|_| invalid("it is not a URL".to_owned()))?;
        let host = self
            .host()
            .ok_or_else(|| invalid("it has no host".to_owned()))?;
        let encrypted = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let addresses: Vec<SocketAddr> = (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| invalid(format!("could not resolve {host}: {error}")))?
            .collect();
        if addresses.is_empty() {
            return Err(invalid(format!("{host} has no address")));
        }
        Ok(addresses)
    }

    /// Fixes the addresses of the host. It is not resolved any more, and connections go to these addresses only.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// Appends `path` to the URL. Keeps the addresses.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self {
            url: http::join(&self.url, path),
            addresses: self.addresses.clone(),
        }
    }

    /// Returns the URL as given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the fixed addresses. `None` if the host is to be resolved.
    pub(crate) fn addresses(&self) -> Option<&[SocketAddr]> {
        self.addresses.as_deref()
    }
}

/// Creates a listener whose host is resolved for every request.
impl From<&str> for AdminListener {
    fn from(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            addresses: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_has_no_port_and_no_brackets() {
        let host = |url: &str| AdminListener::from(url).host();
        assert_eq!(host("a.example:81").as_deref(), Some("a.example"));
        assert_eq!(host("http://[::1]:81/admin/").as_deref(), Some("::1"));
        assert_eq!(host("https://a.example").as_deref(), Some("a.example"));
        assert_eq!(host(""), None);
        assert_eq!(host("http://a b/"), None);
    }

    #[test]
    fn ip_addresses_resolve_to_themselves() {
        let resolved = |url: &str| AdminListener::from(url).resolve().unwrap()[0].to_string();
        assert_eq!(resolved("127.0.0.1:81"), "127.0.0.1:81");
        assert_eq!(resolved("https://127.0.0.1/x"), "127.0.0.1:443");
        assert_eq!(resolved("http://[::1]"), "[::1]:80");
        assert!(AdminListener::from("").resolve().is_err());
    }

    #[test]
    fn joining_keeps_the_addresses() {
        let here: SocketAddr = "127.0.0.1:81".parse().unwrap();
        let listener = AdminListener::from("a.invalid").with_addresses(vec![here]);
        let joined = listener.join("/metrics");
        assert_eq!(joined.url(), "http://a.invalid/metrics");
        assert_eq!(joined.resolve().unwrap(), [here]);
    }
}
