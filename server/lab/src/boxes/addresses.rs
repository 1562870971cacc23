//! Where a box listens.

use std::net::SocketAddr;

/// Where a box is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Where it serves; none where it does not listen.
    pub(crate) serving: Option<SocketAddr>,
    /// Where it offers metrics and profiles; none where it does not.
    pub(crate) admin: Option<SocketAddr>,
}
