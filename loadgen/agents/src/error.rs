//! Errors of agents and of those who look for them.

/// Reason why agents could not be used, or an agent could not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentsError {
    /// A setting can't be used.
    #[error("{0}")]
    Setting(String),
    /// The NATS server can't be reached, or refuses the connection.
    #[error("could not connect to NATS at {url}: {reason}")]
    Broker {
        /// URL of the server, without credentials.
        url: String,
        /// The reason.
        reason: String,
    },
    /// Too few agents offered themselves.
    #[error(
        "found {found} of {wanted} agents at {url}{others}; start one with `tenfold agent --nats {url}`"
    )]
    TooFew {
        /// Agents that can be used.
        found: usize,
        /// Agents that are needed.
        wanted: u32,
        /// URL of the server, without credentials.
        url: String,
        /// Agents that can't be used, each with the reason. Empty, or begins with a separator.
        others: String,
    },
    /// The search was interrupted.
    #[error("interrupted while looking for agents")]
    Interrupted,
    /// The system refused something.
    #[error("could not {action}: {source}")]
    System {
        /// The action that failed.
        action: &'static str,
        /// The reason.
        source: std::io::Error,
    },
}
