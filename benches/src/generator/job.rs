//! The job of a peer.

use std::path::PathBuf;
use std::time::Duration;

/// Path to read for peers without keys of their own.
pub(crate) const PATH: &str = "/v1/posts/1";

/// The job of a peer in one turn.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// URL of the server, without a path.
    pub(crate) target: String,
    /// Requests per second. `None` if the users' think time sets the pace.
    pub(crate) rate: Option<u32>,
    /// Number of connections or users.
    pub(crate) connections: u32,
    /// Time to send, from the peer's start to its end. Whole seconds, since most peers accept nothing else.
    pub(crate) lasts: Duration,
    /// Directory for this turn.
    pub(crate) folder: PathBuf,
    /// Scenario, for peers that use one.
    pub(crate) scenario: PathBuf,
}

impl Job {
    /// Returns the URL to read.
    pub(crate) fn url(&self) -> String {
        format!("{}{PATH}", self.target)
    }

    /// Returns the rate of each connection; unlimited if there is no rate.
    pub(crate) fn rate_of_each(&self) -> f64 {
        self.rate.map_or(f64::from(u32::MAX), f64::from) / f64::from(self.connections.max(1))
    }
}
