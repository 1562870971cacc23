//! What a peer is asked to do.

use std::path::PathBuf;
use std::time::Duration;

/// The path that a peer without keys of its own reads, over and over.
pub(crate) const PATH: &str = "/v1/posts/1";

/// What a peer is asked to do in one turn.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The server's URL, without a path.
    pub(crate) target: String,
    /// Requests per second; none where users set the pace by thinking.
    pub(crate) rate: Option<u32>,
    /// Connections, or users.
    pub(crate) connections: u32,
    /// How long to send, from the peer's own start to its end: whole seconds, for most peers know
    /// no others.
    pub(crate) lasts: Duration,
    /// A folder of this turn alone.
    pub(crate) folder: PathBuf,
    /// The scenario, for peers that take one.
    pub(crate) scenario: PathBuf,
}

impl Job {
    /// The URL that is read.
    pub(crate) fn url(&self) -> String {
        format!("{}{PATH}", self.target)
    }

    /// Each connection's share of the rate; as much as it can take where there is no rate.
    pub(crate) fn rate_of_each(&self) -> f64 {
        self.rate.map_or(f64::from(u32::MAX), f64::from) / f64::from(self.connections.max(1))
    }
}
