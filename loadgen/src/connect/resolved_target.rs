//! Where a target was found, and how it is talked to.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tenfold_run_dir::connections::{Connections, Tls as AgreedTls};

use crate::connect::dial_counts::DialCounts;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
use crate::connect::tls::Tls;

/// Where a target was found, and how it is talked to.
#[derive(Debug)]
pub(crate) struct ResolvedTarget {
    /// What connections are opened to, in turns.
    pub(crate) places: Vec<PeerAddress>,
    /// How many connections were begun.
    pub(crate) turn: AtomicUsize,
    /// What the `Host` header says.
    pub(crate) host: HeaderValue,
    /// What stands before every path.
    pub(crate) prefix: String,
    /// `http` or `https`.
    pub(crate) scheme: Scheme,
    /// What the `Host` header says, as HTTP/2 has it.
    pub(crate) authority: Authority,
    /// The `authorization` header of requests that have none of their own.
    pub(crate) authorization: Option<HeaderValue>,
    /// `basic` or `bearer`, where there is such a header.
    pub(crate) credentials: Option<&'static str>,
    /// What connections carry.
    pub(crate) protocol: Protocol,
    /// TLS, where it is spoken.
    pub(crate) tls: Option<Tls>,
    /// What opening connections came to.
    pub(crate) dials: DialCounts,
}

impl ResolvedTarget {
    /// The place whose turn it is.
    pub(crate) fn next_place(&self) -> &PeerAddress {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.places[turn % self.places.len()]
    }

    /// Begins to count: what was opened so far was no part of the run.
    pub(crate) fn begin(&self) {
        self.dials.begin();
    }

    /// What talking to the target came to so far.
    pub(crate) fn connections(&self) -> Connections {
        let dials = self.dials.state();
        Connections {
            protocol: self.protocol.name().to_owned(),
            addresses: self.places.iter().map(ToString::to_string).collect(),
            opened: dials.opened,
            failed: dials.failed,
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
                client_certificate: tls.shows_certificate(),
                full_handshakes: dials.full,
                resumed_handshakes: dials.resumed,
                handshake_ns: dials.handshake_ns(),
            }),
            credentials: self.credentials.map(str::to_owned),
            first_errors: dials.first_errors.clone(),
        }
    }
}
