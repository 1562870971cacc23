//! Addresses and process of a service under test.

use std::net::IpAddr;

use tenfold_loadgen::Target;
use tenfold_probe::AdminListener;

/// Addresses and process of a service under test.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Address that requests are sent to.
    pub target: Target,
    /// Listener with `/metrics` and `/debug/pprof`. `None` if the service has none.
    pub admin: Option<AdminListener>,
    /// Root of the service's process tree. `None` if it is unknown or on another machine.
    pub pid: Option<u32>,
}

impl Endpoint {
    /// Returns whether the service runs on this machine. `None` if the host is a name other than
    /// `localhost`, or an address that is not loopback: such a host may still be this machine.
    pub fn is_local(&self) -> Option<bool> {
        if self.target.socket().is_some() || self.target.host() == "localhost" {
            return Some(true);
        }
        let address: IpAddr = self.target.host().parse().ok()?;
        address.is_loopback().then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_loopback_and_unix_sockets_as_local() {
        let is_local = |url: &str| {
            let endpoint = Endpoint {
                target: url.parse().unwrap(),
                admin: None,
                pid: None,
            };
            endpoint.is_local()
        };
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
            "unix:/run/app.sock",
        ] {
            assert_eq!(is_local(url), Some(true), "{url}");
        }
        for url in ["http://10.0.0.1", "http://app.example"] {
            assert_eq!(is_local(url), None, "{url}");
        }
    }
}
