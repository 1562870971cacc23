//! An address that a connection is opened to.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address that a connection is opened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeerAddress {
    /// IP address and port.
    Tcp(SocketAddr),
    /// A Unix domain socket.
    Unix(PathBuf),
}

impl PeerAddress {
    /// The IP address and port. `None` for a Unix domain socket.
    pub(crate) fn socket(&self) -> Option<SocketAddr> {
        match self {
            PeerAddress::Tcp(socket) => Some(*socket),
            PeerAddress::Unix(_) => None,
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Tcp(socket) => socket.fmt(f),
            PeerAddress::Unix(path) => path.display().fmt(f),
        }
    }
}
