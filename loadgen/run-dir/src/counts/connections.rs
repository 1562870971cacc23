//! Connections to the target: part of `counts.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DurationSummary;
use super::durations::RunDurations;

/// Connections to the target, and the time it took to open them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: String,
    /// Addresses that connections were opened to in rotation, with their ports, or the path of a socket.
    pub addresses: Vec<String>,
    /// Connections opened since the first arrival.
    pub opened: u64,
    /// Failed attempts.
    pub failed: u64,
    /// Connections to another address than the one whose turn it was, because that one failed or did not answer
    /// within 250 ms. 0 in runs of earlier versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fell_back: u64,
    /// Time until a connection was ready for its first request: TCP, TLS and the first frames of HTTP/2. Part of the
    /// service time of the request that needed the connection.
    pub opening_ns: DurationSummary,
    /// Time of the first part of it: the TCP handshake, or the connection to a socket's path.
    #[serde(default)]
    pub connecting_ns: DurationSummary,
    /// Users that shared one connection, at most.
    pub users_each: u64,
    /// TLS parameters. `None` for plain text.
    pub tls: Option<Tls>,
    /// Kind of credentials: `basic` or `bearer`. `None` if the run used none.
    pub credentials: Option<String>,
    /// Message of the first failure of each class that has messages.
    pub first_errors: BTreeMap<String, String>,
}

/// Negotiated TLS parameters, and handshakes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// IANA name of the cipher suite.
    pub cipher: String,
    /// Server name that was sent, and verified against the certificate.
    pub server_name: String,
    /// `true` if the generator verified the target's certificate.
    pub verified: bool,
    /// `true` if the generator presented a client certificate.
    pub client_certificate: bool,
    /// Full handshakes.
    pub full_handshakes: u64,
    /// Handshakes that resumed an earlier session.
    pub resumed_handshakes: u64,
    /// Time of the handshakes.
    pub handshake_ns: DurationSummary,
}

impl Connections {
    /// Adds the connections of another generator to the same target.
    ///
    /// If the two differ, both protocols are named, and verification counts only if both verified.
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
        self.fell_back += other.fell_back;
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

    /// Replaces the summaries of durations by those of `durations`, which keep their percentiles when merged.
    pub fn summarise(&mut self, durations: &RunDurations) {
        self.opening_ns = durations.opening.summary();
        self.connecting_ns = durations.connecting.summary();
        if let Some(tls) = &mut self.tls {
            tls.handshake_ns = durations.handshake.summary();
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
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
