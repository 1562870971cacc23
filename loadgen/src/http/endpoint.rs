//! A resolved target and the connections that its users share.

use tenfold_run_dir::Connections;

use crate::LoadError;
use crate::connect::{ResolvedTarget, Target};
use crate::http::pool::Pool;

/// A resolved target, with the pool of its HTTP/2 connections.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Addresses and options for connecting.
    pub(crate) target: ResolvedTarget,
    /// The HTTP/2 connections; stays empty with HTTP/1.1.
    pub(crate) pool: Pool,
}

impl Endpoint {
    /// Resolves a target and connects once to each of its addresses.
    ///
    /// # Errors
    /// If no address can be reached, or no protocol agreed on.
    pub(crate) async fn reach(target: &Target) -> Result<Self, LoadError> {
        Ok(Self {
            target: target.reach().await?,
            pool: Pool::new(target.users_per_connection(), target.connections_max()),
        })
    }

    /// Drops the connections and counts from before the run.
    pub(crate) fn reset(&self) {
        self.pool.clear();
        self.target.reset_counts();
    }

    /// The protocol's name, as in `HTTP/1.1`.
    pub(crate) fn protocol_name(&self) -> &'static str {
        self.target.protocol.name()
    }

    /// Statistics of the connections so far.
    pub(crate) fn connections(&self) -> Connections {
        self.target.connections()
    }
}
