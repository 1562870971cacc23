//! Free ports on loopback that a box keeps when it restarts.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// First port that may be used: lower ones belong to known services.
const PORT_MIN: u16 = 10_000;

/// Number of ports that suffices for a lab.
const PORTS_ENOUGH: u16 = 1_000;

/// Allocates free ports on loopback, outside the range of outgoing connections: with thousands of
/// outgoing connections, the port of a killed box would soon be in use.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    next: u16,
    end: u16,
}

impl Ports {
    /// Starts at an offset derived from the process ID, so that two labs rarely try the same ports.
    pub(crate) fn new() -> Self {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let range = range.unwrap_or_default();
        let mut ends = range.split_whitespace().filter_map(|end| end.parse().ok());
        let (from, to) = (ends.next().unwrap_or(32_768), ends.next().unwrap_or(60_999));
        let (first, end) = outside(from, to);
        let span = u32::from(end - first);
        let offset = std::process::id().wrapping_mul(211) % span;
        Self {
            first,
            next: first + u16::try_from(offset).unwrap_or(0),
            end,
        }
    }

    /// Returns a port of an address that was free a moment ago.
    ///
    /// # Errors
    /// Returns an error if no port is free.
    pub(crate) fn take(&mut self, address: IpAddr) -> io::Result<SocketAddr> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in self.first..self.end {
            let port = self.next;
            self.next = if port + 1 >= self.end {
                PORT_MIN
            } else {
                port + 1
            };
            let address = SocketAddr::from((address, port));
            match TcpListener::bind(address) {
                Ok(_) => return Ok(address),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Returns a port that was free at two addresses a moment ago.
    ///
    /// # Errors
    /// Returns an error if no port is free at both.
    pub(crate) fn take_both(
        &mut self,
        [first, second]: [IpAddr; 2],
    ) -> io::Result<[SocketAddr; 2]> {
        for _ in self.first..self.end {
            let taken = self.take(first)?;
            let other = SocketAddr::from((second, taken.port()));
            if TcpListener::bind(other).is_ok() {
                return Ok([taken, other]);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

/// Returns a port range below or above the ephemeral range, or within it if it covers nearly all ports.
fn outside(from: u16, to: u16) -> (u16, u16) {
    if from >= PORT_MIN + PORTS_ENOUGH {
        (PORT_MIN, from)
    } else if to < u16::MAX - PORTS_ENOUGH {
        (to + 1, u16::MAX)
    } else {
        (PORT_MIN, 60_000)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn avoids_ephemeral_port_range() {
        assert_eq!(outside(32_768, 60_999), (PORT_MIN, 32_768));
        assert_eq!(outside(1_024, 60_999), (61_000, u16::MAX));
        assert_eq!(outside(1_024, u16::MAX), (PORT_MIN, 60_000));
    }

    #[test]
    fn allocates_the_same_port_at_two_addresses() {
        let addresses = [1, 2].map(|last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last)));
        let mut ports = Ports::new();
        let [first, second] = ports.take_both(addresses).unwrap();
        assert_eq!(first.port(), second.port());
        assert_eq!([first.ip(), second.ip()], addresses);
        // It passes over a port that is in use at one of them.
        let held = SocketAddr::from((addresses[1], first.port() + 1));
        let _held = TcpListener::bind(held);
        let [next, _] = ports.take_both(addresses).unwrap();
        assert_ne!(next.port(), first.port());
    }

    #[test]
    fn allocates_distinct_free_ports() {
        let mut ports = Ports::new();
        let taken: Vec<_> = (0..20)
            .map(|_| ports.take(Ipv4Addr::LOCALHOST.into()).unwrap())
            .collect();
        let mut unique = taken.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), taken.len());
        for address in taken {
            assert!((ports.first..ports.end).contains(&address.port()));
            TcpListener::bind(address).unwrap();
        }
    }
}
