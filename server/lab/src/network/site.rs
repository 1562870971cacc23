//! Addresses of the boxes of a lab: ports on loopback, or one address for each box in a private network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::LabError;
use crate::network::ports::Ports;
use crate::network::{Network, Subnet};

/// Loopback address for clients outside the stage.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Loopback address of a second balancer.
const PUBLIC_SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Loopback address between boxes: within 127.0.0.0/8, but not the default of any client.
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

/// Ports of each kind of box in a private network.
pub(crate) mod port {
    pub(crate) const SSH: u16 = 22;
    pub(crate) const DNS: u16 = 53;
    pub(crate) const HTTP: u16 = 80;
    pub(crate) const HTTPS: u16 = 443;
    pub(crate) const APP: u16 = 8_080;
    pub(crate) const S3: u16 = 8_014;
    pub(crate) const ADMIN: u16 = 9_100;
    pub(crate) const PROMETHEUS: u16 = 9_090;
    pub(crate) const ALERTMANAGER: u16 = 9_093;
    pub(crate) const INCIDENTS: u16 = 9_094;
    pub(crate) const ERRORS: u16 = 8_000;
    pub(crate) const SQL: u16 = 3_306;
    pub(crate) const SQL_REPLICAS: u16 = 3_307;
    pub(crate) const REDIS: u16 = 6_379;
    pub(crate) const REDIS_BUS: u16 = 16_379;
    pub(crate) const CQL: u16 = 9_042;
    pub(crate) const CASSANDRA: u16 = 7_000;
    pub(crate) const CASSANDRA_ENCRYPTED: u16 = 7_001;
    pub(crate) const ARCADEDB: u16 = 2_480;
    pub(crate) const ARCADEDB_ENCRYPTED: u16 = 2_490;
    pub(crate) const CLICKHOUSE: u16 = 8_123;
    pub(crate) const CLICKHOUSE_NATIVE: u16 = 9_000;
    pub(crate) const CLICKHOUSE_BETWEEN: u16 = 9_009;
    pub(crate) const NATS: u16 = 4_222;
    pub(crate) const GALERA: u16 = 4_567;
    pub(crate) const GALERA_MISSED: u16 = 4_568;
    pub(crate) const GALERA_TRANSFER: u16 = 4_444;
}

/// Allocates the addresses of the boxes of a lab.
#[derive(Debug)]
pub(crate) enum Site {
    /// All boxes share loopback and get free ports.
    Loopback(Ports),
    /// Each box has its own address and the usual ports.
    Network(Network),
}

impl Site {
    /// Allocates on loopback.
    pub(crate) fn loopback() -> Self {
        Self::Loopback(Ports::new())
    }

    /// Allocates an address that is reachable from outside. The box joins the public subnet.
    pub(crate) fn public(&mut self, name: &str, port: u16) -> Result<SocketAddr, LabError> {
        match self {
            Self::Loopback(ports) => take(ports, PUBLIC),
            Self::Network(network) => network.address(name, Subnet::Public, port),
        }
    }

    /// Allocates an address that is reachable from outside for each of two boxes, both with the same port: a name has no port.
    pub(crate) fn public_pair(
        &mut self,
        names: [&str; 2],
        port: u16,
    ) -> Result<[SocketAddr; 2], LabError> {
        match self {
            Self::Loopback(ports) => ports
                .take_both([PUBLIC, PUBLIC_SECOND])
                .map_err(|source| LabError::NoPort { source }),
            Self::Network(network) => {
                let [first, second] = names;
                Ok([
                    network.address(first, Subnet::Door, port)?,
                    network.address(second, Subnet::Door, port)?,
                ])
            }
        }
    }

    /// Returns the address that moves between the boxes of a pair. `None` on loopback.
    pub(crate) fn floating(&self) -> Option<IpAddr> {
        match self {
            Self::Loopback(_) => None,
            Self::Network(network) => Some(network.floating()),
        }
    }

    /// Allocates an address that is reachable from other boxes.
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
