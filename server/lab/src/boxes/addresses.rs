//! Addresses of a box.

use std::net::SocketAddr;

/// Addresses of a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Address of its service. `None` if it does not listen.
    pub(crate) serving: Option<SocketAddr>,
    /// Address of its metrics and profiles. `None` if it has none.
    pub(crate) admin: Option<SocketAddr>,
}
