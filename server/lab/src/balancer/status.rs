//! Counters of a balancer, and the table that shows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table;

/// Counters of a balancer since its start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BalancerStatus {
    /// Name of its box.
    pub name: String,
    /// Reason why the balancer did not answer. `None` if it did.
    pub silent_because: Option<String>,
    /// Servers that it sends requests to.
    pub servers: Vec<ServerStatus>,
    /// Lookups in its own cache.
    pub cache_lookups: u64,
    /// Lookups that found an entry.
    pub cache_hits: u64,
}

/// Counters of one server of a balancer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Backend that the server belongs to, such as `web`.
    pub list: String,
    /// Name of the server's box.
    pub name: String,
    /// State by the health checks: `UP`, `DOWN`, `DRAIN`, `MAINT`, or `UP 1/2` in between.
    pub state: String,
    /// True if the balancer sends it single requests, not whole connections.
    pub takes_requests: bool,
    /// Requests or connections in flight.
    pub now: u64,
    /// Requests or connections sent so far.
    pub sent: u64,
    /// Failed connections.
    pub failed_connections: u64,
    /// Failed responses.
    pub failed_answers: u64,
    /// Retries against the same server.
    pub retries: u64,
    /// Retries that went to another server.
    pub redispatches: u64,
    /// Failed health checks while the server was up.
    pub failed_checks: u64,
    /// Number of times that it went down.
    pub times_down: u64,
    /// Total downtime, in seconds.
    pub down_s: u64,
    /// True if it gets requests only while the others are down.
    #[serde(default)]
    pub is_backup: bool,
    /// Responses that a rule refused.
    #[serde(default)]
    pub denied: u64,
    /// Most requests or connections in its queue at once, since the balancer's start.
    #[serde(default)]
    pub queued_max: u64,
    /// Most requests or connections in flight at once, since the balancer's start.
    #[serde(default)]
    pub in_flight_max: u64,
    /// Mean wait in its queue, of the last 1,024 requests, in milliseconds.
    #[serde(default)]
    pub queue_ms: Option<u64>,
    /// Mean time to connect to it, of the last 1,024 requests, in milliseconds.
    #[serde(default)]
    pub connect_ms: Option<u64>,
    /// Mean time to the head of its response, of the last 1,024 requests, in milliseconds.
    #[serde(default)]
    pub answer_ms: Option<u64>,
}

impl BalancerStatus {
    /// Reads the counters of any HAProxy: the answer to `show stat json`, or its statistics page with `;json`.
    ///
    /// # Errors
    /// If the text is something else, with the reason.
    pub fn parse(answer: &str) -> std::io::Result<Self> {
        super::runtime_api::parse_statistics(answer)
    }
}

impl ServerStatus {
    /// Adds the counters of another server of the same box, of before or after.
    pub fn plus(mut self, other: &Self) -> Self {
        for (own, other) in [
            (&mut self.sent, other.sent),
            (&mut self.failed_connections, other.failed_connections),
            (&mut self.failed_answers, other.failed_answers),
            (&mut self.retries, other.retries),
            (&mut self.redispatches, other.redispatches),
            (&mut self.failed_checks, other.failed_checks),
            (&mut self.times_down, other.times_down),
            (&mut self.down_s, other.down_s),
            (&mut self.denied, other.denied),
        ] {
            *own = own.saturating_add(other);
        }
        self.queued_max = self.queued_max.max(other.queued_max);
        self.in_flight_max = self.in_flight_max.max(other.in_flight_max);
        self
    }

    /// Returns the number of failed connections and responses.
    pub fn failed(&self) -> u64 {
        self.failed_connections.saturating_add(self.failed_answers)
    }

    /// Returns the number of retries, against the same server and others.
    pub fn retried(&self) -> u64 {
        self.retries.saturating_add(self.redispatches)
    }

    /// Returns whether the server is healthy and gets new requests.
    pub(crate) fn is_sent_requests(&self) -> bool {
        self.state.starts_with("UP") || self.state == "no check"
    }

    /// Returns whether the server is drained.
    pub(crate) fn is_drained(&self) -> bool {
        self.state.starts_with("DRAIN")
    }

    /// Returns whether the server is in maintenance: neither checked nor sent requests.
    pub(crate) fn is_in_maintenance(&self) -> bool {
        self.state.starts_with("MAINT")
    }
}

/// Writes a table of the balancers' counters. Writes nothing without balancers.
pub(crate) fn write_table(f: &mut fmt::Formatter<'_>, balancers: &[BalancerStatus]) -> fmt::Result {
    if balancers.is_empty() {
        return Ok(());
    }
    let mut rows = vec![
        [
            "balancer", "server", "state", "now", "sent", "failed", "retried", "down",
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
                server.failed().to_string(),
                server.retried().to_string(),
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
            writeln!(f, "{} did not report its counters: {reason}", own.name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table(BalancerStatus);

    impl fmt::Display for Table {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_table(f, std::slice::from_ref(&self.0))
        }
    }

    #[test]
    fn shows_counters_of_any_size() {
        let server = ServerStatus {
            name: "web-1".to_owned(),
            failed_connections: u64::MAX,
            failed_answers: 1,
            retries: 2,
            redispatches: u64::MAX,
            ..ServerStatus::default()
        };
        let balancer = BalancerStatus {
            servers: vec![server],
            ..BalancerStatus::default()
        };
        let table = Table(balancer).to_string();
        assert_eq!(table.matches(&u64::MAX.to_string()).count(), 2, "{table}");
    }
}
