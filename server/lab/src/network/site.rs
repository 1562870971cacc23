//! Where the boxes of a lab listen: ports on this machine's loopback, or addresses of their own in a network that
//! the lab makes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::LabError;
use crate::network::ports::Ports;
use crate::network::{Network, Subnet};

/// Where who is outside reaches the stage.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where boxes reach each other: all of 127.0.0.0/8 is this machine, and this address is nobody's default.
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

/// The ports that each kind of box has where it has an address of its own.
pub(crate) mod port {
    pub(crate) const HTTP: u16 = 80;
    pub(crate) const HTTPS: u16 = 443;
    pub(crate) const APP: u16 = 8_080;
    pub(crate) const S3: u16 = 8_014;
    pub(crate) const ADMIN: u16 = 9_100;
    pub(crate) const SQL: u16 = 3_306;
    pub(crate) const SQL_REPLICAS: u16 = 3_307;
    pub(crate) const REDIS: u16 = 6_379;
    pub(crate) const GALERA: u16 = 4_567;
    pub(crate) const GALERA_MISSED: u16 = 4_568;
    pub(crate) const GALERA_TRANSFER: u16 = 4_444;
}

/// Gives the boxes of a lab their addresses.
#[derive(Debug)]
pub(crate) enum Site {
    /// All have one machine's loopback, and ports that are free there.
    Loopback(Ports),
    /// Each has an address of its own, and the ports that are usual.
    Network(Network),
}

impl Site {
    /// Loopback.
    pub(crate) fn loopback() -> Self {
        Self::Loopback(Ports::new())
    }

    /// An address of a box that is reached from outside. A box that has one is in the public subnet.
    pub(crate) fn public(&mut self, name: &str, port: u16) -> Result<SocketAddr, LabError> {
        match self {
            Self::Loopback(ports) => take(ports, PUBLIC),
            Self::Network(network) => network.address(name, Subnet::Public, port),
        }
    }

    /// An address of a box that other boxes reach, those that may.
    pub(crate) fn private(&mut self, name: &str, port: u16) -> Result<SocketAddr, LabError> {
        match self {
            Self::Loopback(ports) => take(ports, PRIVATE),
            Self::Network(network) => network.address(name, Subnet::Private, port),
        }
    }
}

fn take(ports: &mut Ports, address: IpAddr) -> Result<SocketAddr, LabError> {
    ports
        .take(address)
        .map_err(|source| LabError::NoPort { source })
}
