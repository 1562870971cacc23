//! Where a target was found, and how it is talked to.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tenfold_run_dir::connections::{Connections, Tls as AgreedTls};
use tokio::io::AsyncReadExt;

use crate::LoadError;
use crate::dial::{Dialled, Protocol, Refused, open};
use crate::dials::Dials;
use crate::failure::Failure;
use crate::http2::{self, Pool};
use crate::stream::Stream;
use crate::tls::{Tls, explain};

/// How long a target may take to accept the first connection.
const REACH_WITHIN: Duration = Duration::from_secs(1);

/// How long it may take to agree on TLS and on HTTP/2.
const AGREE_WITHIN: Duration = Duration::from_secs(5);

/// How long a service is given to refuse us for want of a client certificate that it asked for:
/// with TLS 1.3 it does so only after the handshake.
const REFUSE_WITHIN: Duration = Duration::from_secs(1);

/// Where a connection is opened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// An address and port.
    Socket(SocketAddr),
    /// A socket in the file system.
    Path(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Socket(socket) => socket.fmt(f),
            Place::Path(path) => path.display().fmt(f),
        }
    }
}

/// Where a target was found, and how it is talked to.
#[derive(Debug)]
pub(crate) struct Address {
    /// What connections are opened to, in turns.
    pub(crate) places: Vec<Place>,
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
    /// The connections of HTTP/2.
    pub(crate) pool: Pool,
    /// What opening connections came to.
    pub(crate) dials: Dials,
}

impl Address {
    /// The place whose turn it is.
    pub(crate) fn next_place(&self) -> &Place {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.places[turn % self.places.len()]
    }

    /// Opens a connection to each place, without a request, and keeps those places where somebody
    /// is there; settles which protocol is spoken.
    ///
    /// Of a name with addresses of both IP versions only those of one are kept, whichever comes
    /// first and answers: they are mostly two ways to the same machines. `target` is its name in
    /// errors.
    pub(crate) async fn reach(
        &mut self,
        target: &str,
        wanted: Option<Protocol>,
    ) -> Result<(), LoadError> {
        let mut last = Refused {
            failure: Failure::Connect,
            words: "it has no address".to_owned(),
        };
        let mut reached: Vec<Place> = Vec::new();
        for place in std::mem::take(&mut self.places) {
            if reached
                .first()
                .is_some_and(|first| is_v4(first) != is_v4(&place))
            {
                continue;
            }
            match self.try_out(&place, wanted).await {
                Ok(protocol) => {
                    if reached.is_empty() {
                        self.protocol = protocol;
                        if let Some(tls) = &mut self.tls {
                            tls.settle(protocol);
                        }
                    }
                    reached.push(place);
                }
                Err(refused) => {
                    last = Refused {
                        words: format!("{place}: {}", refused.words),
                        ..refused
                    };
                }
            }
        }
        if reached.is_empty() {
            return Err(match last.failure {
                Failure::Tls => LoadError::Disagreed {
                    what: "TLS",
                    target: target.to_owned(),
                    reason: last.words,
                },
                Failure::Malformed => LoadError::Disagreed {
                    what: "HTTP/2",
                    target: target.to_owned(),
                    reason: last.words,
                },
                _ => LoadError::Unreachable {
                    target: target.to_owned(),
                    reason: last.words,
                },
            });
        }
        self.places = reached;
        Ok(())
    }

    /// Opens one connection and closes it; returns the protocol that was agreed on.
    async fn try_out(&self, place: &Place, wanted: Option<Protocol>) -> Result<Protocol, Refused> {
        let within = if self.tls.is_some() {
            REACH_WITHIN + AGREE_WITHIN
        } else {
            REACH_WITHIN
        };
        let Dialled { stream, protocol } = tokio::time::timeout(within, open(self, place))
            .await
            .map_err(|_| Refused {
            failure: Failure::Connect,
            words: format!("no answer within {within:?}"),
        })??;
        if wanted == Some(Protocol::Http2) && protocol == Protocol::Http1 {
            return Err(Refused {
                failure: Failure::Tls,
                words: "the service offers no HTTP/2; leave `--http 2` out".to_owned(),
            });
        }
        match protocol {
            Protocol::Http2 => self.try_http2(stream).await?,
            Protocol::Http1 => self.try_certificate(stream).await?,
        }
        Ok(protocol)
    }

    async fn try_http2(&self, stream: Stream) -> Result<(), Refused> {
        let agreed = tokio::time::timeout(AGREE_WITHIN, http2::shake_hands(stream)).await;
        let (failure, words) = match agreed {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(broken)) => broken,
            Err(_elapsed) => {
                let words = format!("no settings within {AGREE_WITHIN:?}");
                (Failure::Malformed, words)
            }
        };
        // With TLS 1.3 a service refuses our certificate, or the want of one, only now; what it says
        // may be lost where it closes the connection at once.
        if failure != Failure::Malformed
            && let Some(words) = self.blamed_on_certificate(&words)
        {
            return Err(Refused {
                failure: Failure::Tls,
                words,
            });
        }
        Err(Refused {
            failure: match failure {
                Failure::Tls => Failure::Tls,
                _ => Failure::Malformed,
            },
            words: format!(
                "what came back is not HTTP/2 ({words}); speak HTTP/1.1 with `--http 1.1`"
            ),
        })
    }

    /// Waits for a refusal where the service asked for a certificate that we don't have.
    async fn try_certificate(&self, mut stream: Stream) -> Result<(), Refused> {
        let shown_or_owed = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.owes_certificate() || tls.shows_certificate());
        if !shown_or_owed {
            return Ok(());
        }
        let read = tokio::time::timeout(REFUSE_WITHIN, stream.read_u8()).await;
        let Ok(Err(error)) = read else {
            return Ok(());
        };
        let words = explain(&error).or_else(|| self.blamed_on_certificate(&error.to_string()));
        match words {
            Some(words) => Err(Refused {
                failure: Failure::Tls,
                words,
            }),
            None => Ok(()),
        }
    }

    /// What is to be said where a certificate was asked for, and the service went away after that.
    fn blamed_on_certificate(&self, words: &str) -> Option<String> {
        let tls = self.tls.as_ref()?;
        if tls.owes_certificate() {
            return Some(
                "the service wants a client certificate; give one with --cert FILE --key FILE"
                    .to_owned(),
            );
        }
        tls.shows_certificate().then(|| {
            format!("the service refused the client certificate ({words}); see --cert and --key")
        })
    }

    /// Begins to count: what was opened so far was no part of the run.
    pub(crate) fn begin(&self) {
        self.pool.clear();
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

fn is_v4(place: &Place) -> bool {
    matches!(place, Place::Socket(SocketAddr::V4(_)))
}
