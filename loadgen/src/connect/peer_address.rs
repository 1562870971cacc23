//! An address that a connection is opened to.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a connection is opened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeerAddress {
    /// An address and port.
    Socket(SocketAddr),
    /// A socket in the file system.
    Path(PathBuf),
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Socket(socket) => socket.fmt(f),
            PeerAddress::Path(path) => path.display().fmt(f),
        }
    }
}
