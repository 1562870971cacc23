//! A target with its addresses and everything that a connection needs.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tenfold_run_dir::connections::{Connections, Tls as AgreedTls};

use crate::connect::dial_counts::DialCounts;
use crate::connect::name_cache::NameCache;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
use crate::connect::tls::Tls;
use crate::failure::Failure;

/// The most addresses that are tried for one connection.
const CANDIDATES_MAX: usize = 8;

/// A target with its addresses and everything that a connection needs.
#[derive(Debug)]
pub(crate) struct ResolvedTarget {
    /// The host and port in its URL, which are not those of the `Host` header if that is set by an option.
    pub(crate) dialed: (String, u16),
    /// The addresses, used round robin.
    pub(crate) addresses: Vec<PeerAddress>,
    /// Addresses to try if those fail or do not answer: those of the other IP version, and those that did not
    /// accept before the run.
    pub(crate) fallbacks: Vec<PeerAddress>,
    /// Connections begun, which selects the next address.
    pub(crate) dials_begun: AtomicUsize,
    /// The `Host` header.
    pub(crate) host: HeaderValue,
    /// A prefix for every path.
    pub(crate) prefix: String,
    /// `http` or `https`.
    pub(crate) scheme: Scheme,
    /// The `:authority` pseudo-header of HTTP/2.
    pub(crate) authority: Authority,
    /// The `authorization` header for requests without their own.
    pub(crate) authorization: Option<HeaderValue>,
    /// `basic` or `bearer`. `None` without credentials.
    pub(crate) credentials: Option<&'static str>,
    /// The protocol of its connections.
    pub(crate) protocol: Protocol,
    /// TLS. `None` for plain connections.
    pub(crate) tls: Option<Tls>,
    /// Addresses of its name, if that is resolved again during the run. They replace `addresses`.
    pub(crate) names: Option<NameCache>,
    /// Statistics of its connections.
    pub(crate) dials: DialCounts,
}

impl ResolvedTarget {
    /// The addresses for the next connection: the one whose turn it is, then those to try if it fails, with
    /// alternating IP versions. Empty if the target has no address; [`ResolvedTarget::reach`] makes sure that it has.
    pub(crate) async fn next_addresses(&self) -> Vec<PeerAddress> {
        let Some(names) = &self.names else {
            return self.in_turn(&self.addresses, &self.fallbacks);
        };
        let (addresses, error) = names.addresses().await;
        if let Some(error) = error {
            self.dials.keep_error(Failure::Connect, &error);
        }
        self.in_turn(&addresses, &[])
    }

    fn in_turn(&self, addresses: &[PeerAddress], fallbacks: &[PeerAddress]) -> Vec<PeerAddress> {
        let begun = self.dials_begun.fetch_add(1, Ordering::Relaxed);
        let (before, from) = addresses.split_at(begun % addresses.len().max(1));
        let mut fallbacks = fallbacks.iter();
        let mut candidates = Vec::with_capacity(1);
        for address in from.iter().chain(before) {
            candidates.push(address);
            candidates.extend(fallbacks.next());
        }
        candidates.extend(fallbacks);
        candidates.truncate(CANDIDATES_MAX);
        candidates.into_iter().cloned().collect()
    }

    /// The URL of a path and query at this target.
    pub(crate) fn url(&self, path: &str) -> String {
        let Self {
            scheme,
            authority,
            prefix,
            ..
        } = self;
        format!("{scheme}://{authority}{prefix}{path}")
    }

    /// Resets the counts: connections opened before the run are not part of it.
    pub(crate) fn reset_counts(&self) {
        self.dials.reset();
    }

    /// Statistics of its connections so far.
    pub(crate) fn connections(&self) -> Connections {
        let dials = self.dials.state();
        Connections {
            protocol: self.protocol.name().to_owned(),
            addresses: self.addresses.iter().map(ToString::to_string).collect(),
            opened: dials.opened,
            failed: dials.failed,
            fell_back: dials.fell_back,
            opening_ns: dials.opening_ns(),
            connecting_ns: dials.connecting_ns(),
            users_each: match self.protocol {
                Protocol::Http1 => 1,
                Protocol::Http2 => dials.users_each,
            },
            tls: self.tls.as_ref().map(|tls| AgreedTls {
                version: dials.version.clone(),
                cipher: dials.cipher.clone(),
                server_name: tls.server_name(),
                verified: tls.verified,
                client_certificate: tls.sent_client_certificate(),
                full_handshakes: dials.full,
                resumed_handshakes: dials.resumed,
                handshake_ns: dials.handshake_ns(),
            }),
            credentials: self.credentials.map(str::to_owned),
            first_errors: dials.first_errors.clone(),
        }
    }
}
