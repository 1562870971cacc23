//! Addresses that replace name resolution.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses to use for a host and port instead of name resolution: `HOST:PORT:ADDRESS[,ADDRESS]...`,
/// as in curl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Resolve {
    /// The addresses for a host and port. `None` if this is for another.
    pub(crate) fn of(&self, host: &str, port: u16) -> Option<&[IpAddr]> {
        (self.host.eq_ignore_ascii_case(host) && self.port == port).then_some(&self.addresses)
    }
}

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| {
            format!("{reason}; write HOST:PORT:ADDRESS, such as example.com:443:127.0.0.1")
        };
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("it needs a host, a port and an address"));
        };
        if host.is_empty() || host.contains(|c: char| c.is_control() || "[]/@ ".contains(c)) {
            return Err(wrong("the host is not a name"));
        }
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?;
        let addresses: Result<Vec<IpAddr>, String> = addresses
            .split(',')
            .map(|address| {
                let bare = address
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                    .unwrap_or(address);
                bare.parse()
                    .map_err(|_| wrong(&format!("`{address}` is not an IP address")))
            })
            .collect();
        Ok(Self {
            host: host.to_owned(),
            port,
            addresses: addresses?,
        })
    }
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.host, self.port)?;
        for (index, address) in self.addresses.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match address {
                IpAddr::V4(address) => write!(f, "{comma}{address}")?,
                IpAddr::V6(address) => write!(f, "{comma}[{address}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn applies_to_one_host_and_port() {
        let resolve: Resolve = "a.test:443:127.0.0.1,[::1]".parse().unwrap();
        assert_eq!(resolve.of("A.test", 443).unwrap().len(), 2);
        assert_eq!(resolve.of("a.test", 80), None);
        assert_eq!(resolve.of("b.test", 443), None);
    }

    #[test]
    fn accepts_ipv6_without_brackets() {
        let resolve: Resolve = "a.test:80:::1".parse().unwrap();
        assert_eq!(resolve.to_string(), "a.test:80:[::1]");
    }

    #[test]
    fn errors_name_the_reason() {
        for (text, reason) in [
            ("a.test:80", "it needs a host, a port and an address"),
            (":80:127.0.0.1", "the host is not a name"),
            ("a.test:0:127.0.0.1", "the port is not a number"),
            ("a.test:x:127.0.0.1", "the port is not a number"),
            ("a.test:80:b.test", "`b.test` is not an IP address"),
            ("a.test:80:127.0.0.1,", "`` is not an IP address"),
        ] {
            let error = text.parse::<Resolve>().unwrap_err();
            assert!(error.starts_with(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<Resolve>();
        }

        #[test]
        fn display_parses_back(
            host in "[a-z][a-z0-9.-]{0,20}",
            port in 1_u16..,
            addresses in prop::collection::vec(any::<IpAddr>(), 1..4),
        ) {
            let resolve = Resolve { host, port, addresses };
            prop_assert_eq!(resolve.to_string().parse(), Ok(resolve));
        }
    }
}
