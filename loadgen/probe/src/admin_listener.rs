//! Where a target tells of itself.

use std::net::{SocketAddr, ToSocketAddrs};

use ureq::http::Uri;

use crate::{ProbeError, http};

/// Where a target has `/metrics` and `/debug/pprof`: a URL, which may leave out `http://`, and the
/// addresses that its host stands for, where those have been settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminListener {
    url: String,
    addresses: Option<Vec<SocketAddr>>,
}

impl AdminListener {
    /// Returns the host, as the URL has it but for an IPv6 address' brackets; none where it has none.
    pub fn host(&self) -> Option<String> {
        let uri: Uri = self.below("").url.parse().ok()?;
        let host = uri.host()?;
        Some(
            host.trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
        )
    }

    /// Returns all addresses that the host's name stands for, without sending anything to them.
    ///
    /// Blocks for as long as the system's resolver does.
    ///
    /// # Errors
    /// Fails where the URL has no host, and where the host's name stands for no address.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, ProbeError> {
        if let Some(addresses) = &self.addresses {
            return Ok(addresses.clone());
        }
        let wrong = |reason: String| ProbeError::Address {
            url: self.url.clone(),
            reason,
        };
        let url = self.below("").url;
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL".to_owned()))?;
        let host = self
            .host()
            .ok_or_else(|| wrong("it names no host".to_owned()))?;
        let encrypted = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let addresses: Vec<SocketAddr> = (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| wrong(format!("{host} could not be resolved: {error}")))?
            .collect();
        if addresses.is_empty() {
            return Err(wrong(format!("{host} has no address")));
        }
        Ok(addresses)
    }

    /// Settles what the host's name stands for: it is not resolved again, and connections are
    /// opened to these addresses alone.
    #[must_use]
    pub fn at(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// Returns what lies at `path` below this listener's own, at the same addresses.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        Self {
            url: http::join(&self.url, path),
            addresses: self.addresses.clone(),
        }
    }

    /// Returns the URL as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the addresses, where they have been settled.
    pub(crate) fn settled(&self) -> Option<&[SocketAddr]> {
        self.addresses.as_deref()
    }
}

/// Takes a URL whose host is resolved with every request.
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
    fn the_host_stands_without_port_and_brackets() {
        let host = |url: &str| AdminListener::from(url).host();
        assert_eq!(host("a.example:81").as_deref(), Some("a.example"));
        assert_eq!(host("http://[::1]:81/admin/").as_deref(), Some("::1"));
        assert_eq!(host("https://a.example").as_deref(), Some("a.example"));
        assert_eq!(host(""), None);
        assert_eq!(host("http://a b/"), None);
    }

    #[test]
    fn addresses_resolve_to_themselves() {
        let resolved = |url: &str| AdminListener::from(url).resolve().unwrap()[0].to_string();
        assert_eq!(resolved("127.0.0.1:81"), "127.0.0.1:81");
        assert_eq!(resolved("https://127.0.0.1/x"), "127.0.0.1:443");
        assert_eq!(resolved("http://[::1]"), "[::1]:80");
        assert!(AdminListener::from("").resolve().is_err());
    }

    #[test]
    fn what_lies_below_keeps_the_addresses() {
        let here: SocketAddr = "127.0.0.1:81".parse().unwrap();
        let listener = AdminListener::from("a.invalid").at(vec![here]);
        let below = listener.below("/metrics");
        assert_eq!(below.url(), "http://a.invalid/metrics");
        assert_eq!(below.resolve().unwrap(), [here]);
    }
}
