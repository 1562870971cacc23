//! What a balancer counted, and how that is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table;

/// What a balancer counted since it was started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BalancerStatus {
    /// Its box.
    pub name: String,
    /// Why it could not be asked, where it could not.
    pub silent_because: Option<String>,
    /// Those that it sends to.
    pub servers: Vec<ServerStatus>,
    /// Answers that it looked for in its own cache.
    pub cache_lookups: u64,
    /// Those that it found there.
    pub cache_hits: u64,
}

/// What a balancer counted of one that it sends to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// The list of servers that it is in, such as `web`.
    pub list: String,
    /// The box.
    pub name: String,
    /// What the balancer thinks of it: `UP`, `DOWN`, `DRAIN`, `MAINT`, on the way between them `UP 1/2`.
    pub state: String,
    /// Whether it is sent requests, each by itself, rather than connections that may be kept.
    pub takes_requests: bool,
    /// Requests, or connections, that it is serving now.
    pub now: u64,
    /// Requests, or connections, that it was sent.
    pub sent: u64,
    /// Connections to it that failed.
    pub failed_connections: u64,
    /// Answers of it that failed.
    pub failed_answers: u64,
    /// How often what did not reach it was tried again.
    pub retries: u64,
    /// How often what did not reach it was sent to another.
    pub redispatches: u64,
    /// Health checks that failed while it was thought well.
    pub failed_checks: u64,
    /// How often it was thought lost.
    pub times_down: u64,
    /// How long it was thought lost, in seconds.
    pub down_s: u64,
}

impl ServerStatus {
    /// Whether it is well, and sent what comes.
    pub(crate) fn is_sent_requests(&self) -> bool {
        self.state.starts_with("UP") || self.state == "no check"
    }

    /// Whether the balancer was told to send it nothing new.
    pub(crate) fn is_drained(&self) -> bool {
        self.state.starts_with("DRAIN")
    }
}

/// What balancers counted, as a table.
pub(crate) fn write_table(f: &mut fmt::Formatter<'_>, balancers: &[BalancerStatus]) -> fmt::Result {
    if balancers.is_empty() {
        return Ok(());
    }
    let mut rows = vec![
        [
            "balancer", "sends to", "state", "now", "sent", "failed", "retried", "lost",
        ]
        .map(str::to_owned),
    ];
    for own in balancers {
        rows.extend(own.servers.iter().map(|server| {
            [
                own.name.clone(),
                server.name.clone(),
                server.state.clone(),
                server.now.to_string(),
                server.sent.to_string(),
                (server.failed_connections + server.failed_answers).to_string(),
                (server.retries + server.redispatches).to_string(),
                match (server.times_down, server.down_s) {
                    (0, 0) => "-".to_owned(),
                    (0, s) => format!("{s} s"),
                    (1, s) => format!("once, {s} s"),
                    (times, s) => format!("{times} times, {s} s"),
                },
            ]
        }));
    }
    writeln!(f)?;
    table::write(f, &rows)?;
    for own in balancers {
        if let Some(reason) = &own.silent_because {
            writeln!(f, "{} does not tell what it sent: {reason}", own.name)?;
        }
    }
    Ok(())
}
