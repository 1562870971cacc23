//! Free ports that a box can have again after it was killed.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Ports below this are known services', or need a right.
const FIRST: u16 = 10_000;

/// So many ports are enough for a lab.
const ENOUGH: u16 = 1_000;

/// Gives out ports on loopback that nobody listens on, outside the range from which the system takes those
/// of outgoing connections: a generator with thousands of those would soon have the port of a killed box.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    next: u16,
    end: u16,
}

impl Ports {
    /// Begins at a place that follows from the process, so that two labs seldom try the same.
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

    /// Returns a port of an address that could be listened on a moment ago.
    ///
    /// # Errors
    /// Where there is none left.
    pub(crate) fn take(&mut self, address: IpAddr) -> io::Result<SocketAddr> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in self.first..self.end {
            let port = self.next;
            self.next = if port + 1 >= self.end {
                FIRST
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
}

/// A range of ports outside the system's own, below it or above; where that is nearly all there is, within it.
fn outside(from: u16, to: u16) -> (u16, u16) {
    if from >= FIRST + ENOUGH {
        (FIRST, from)
    } else if to < u16::MAX - ENOUGH {
        (to + 1, u16::MAX)
    } else {
        (FIRST, 60_000)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ports_are_outside_the_range_of_outgoing_connections() {
        assert_eq!(outside(32_768, 60_999), (FIRST, 32_768));
        assert_eq!(outside(1_024, 60_999), (61_000, u16::MAX));
        assert_eq!(outside(1_024, u16::MAX), (FIRST, 60_000));
    }

    #[test]
    fn ports_are_free_and_no_two_are_the_same() {
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
