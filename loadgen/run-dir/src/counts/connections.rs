//! How the target was talked to: part of `counts.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DurationSummary;
use super::durations::RunDurations;

/// How the target was talked to, and what it took to open connections to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: String,
    /// Where connections were opened to: addresses with their ports, taken in turns, or the path of
    /// a socket.
    pub addresses: Vec<String>,
    /// Connections opened, those before the first arrival left out.
    pub opened: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// How long it took until a connection could carry its first request: TCP, TLS and the first
    /// frames of HTTP/2. It is part of the service time of the request that needed the connection.
    pub opening_ns: DurationSummary,
    /// How long the first part of that took: TCP's handshake, or finding the path.
    #[serde(default)]
    pub connecting_ns: DurationSummary,
    /// The most users that shared one connection.
    pub users_each: u64,
    /// TLS; none where nothing was encrypted.
    pub tls: Option<Tls>,
    /// `basic` or `bearer`; none where the run brought no credentials of its own.
    pub credentials: Option<String>,
    /// What the first failure of each class said, for the classes that have words beside a name.
    pub first_errors: BTreeMap<String, String>,
}

/// What was agreed on with TLS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite, by its IANA name.
    pub cipher: String,
    /// The name that was asked for, and looked for in the certificate.
    pub server_name: String,
    /// Whether the target's certificate was verified.
    pub verified: bool,
    /// Whether a certificate of our own was shown.
    pub client_certificate: bool,
    /// Handshakes with all that belongs to them.
    pub full_handshakes: u64,
    /// Handshakes that took an earlier session up again.
    pub resumed_handshakes: u64,
    /// How long the handshakes took.
    pub handshake_ns: DurationSummary,
}

impl Connections {
    /// Adds how another generator talked to the same target.
    ///
    /// What they did differently (protocol, verification) is told as the worse of the two.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        if self.protocol != other.protocol {
            self.protocol = format!("{} and {}", self.protocol, other.protocol);
        }
        for address in &other.addresses {
            if !self.addresses.contains(address) {
                self.addresses.push(address.clone());
            }
        }
        self.opened += other.opened;
        self.failed += other.failed;
        self.opening_ns = self.opening_ns.merged(other.opening_ns);
        self.connecting_ns = self.connecting_ns.merged(other.connecting_ns);
        self.users_each = self.users_each.max(other.users_each);
        self.tls = match (self.tls, &other.tls) {
            (Some(mut tls), Some(other)) => {
                tls.verified &= other.verified;
                tls.full_handshakes += other.full_handshakes;
                tls.resumed_handshakes += other.resumed_handshakes;
                tls.handshake_ns = tls.handshake_ns.merged(other.handshake_ns);
                Some(tls)
            }
            (tls, other) => tls.or_else(|| other.clone()),
        };
        self.credentials = self.credentials.or_else(|| other.credentials.clone());
        for (class, words) in &other.first_errors {
            let first = self.first_errors.entry(class.clone());
            first.or_insert_with(|| words.clone());
        }
        self
    }

    /// Tells how durations were spread from the durations themselves: merged, they are known where
    /// percentiles are not.
    pub fn spread(&mut self, durations: &RunDurations) {
        self.opening_ns = durations.opening.summary();
        self.connecting_ns = durations.connecting.summary();
        if let Some(tls) = &mut self.tls {
            tls.handshake_ns = durations.handshake.summary();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_connections_are_no_better_than_the_worst() {
        let spread = |count, max| DurationSummary {
            count,
            p50: 5,
            p99: 9,
            max,
        };
        let of = |verified, opened, max| Connections {
            protocol: "HTTP/1.1".to_owned(),
            opened,
            opening_ns: spread(opened, max),
            tls: Some(Tls {
                verified,
                ..Tls::default()
            }),
            ..Connections::default()
        };
        let merged = of(true, 3, 10).merged(&of(false, 4, 20));
        assert_eq!((merged.opened, merged.opening_ns.max), (7, 20));
        assert_eq!((merged.opening_ns.count, merged.opening_ns.p50), (7, 0));
        assert!(!merged.tls.unwrap().verified);
        let one = of(true, 3, 10);
        assert_eq!(
            one.clone().merged(&of(true, 0, 0)).opening_ns,
            one.opening_ns
        );
    }
}
