//! Opens a first connection to each address of a target and settles the protocol.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::LoadError;
use crate::connect::dial::{DialError, Dialled, open};
use crate::connect::http2_handshake::shake_hands;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
use crate::connect::resolved_target::ResolvedTarget;
use crate::connect::stream::Stream;
use crate::connect::tls::explain;
use crate::failure::Failure;

/// How long a target may take to accept the first connection.
const REACH_WITHIN: Duration = Duration::from_secs(1);

/// How long it may take to agree on TLS and on HTTP/2.
const AGREE_WITHIN: Duration = Duration::from_secs(5);

/// How long a service is given to refuse us for want of a client certificate that it asked for:
/// with TLS 1.3 it does so only after the handshake.
const REFUSE_WITHIN: Duration = Duration::from_secs(1);

impl ResolvedTarget {
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
        let mut last = DialError {
            failure: Failure::Connect,
            words: "it has no address".to_owned(),
        };
        let mut reached: Vec<PeerAddress> = Vec::new();
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
                    last = DialError {
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
    async fn try_out(
        &self,
        place: &PeerAddress,
        wanted: Option<Protocol>,
    ) -> Result<Protocol, DialError> {
        let within = if self.tls.is_some() {
            REACH_WITHIN + AGREE_WITHIN
        } else {
            REACH_WITHIN
        };
        let Dialled { stream, protocol } = tokio::time::timeout(within, open(self, place))
            .await
            .map_err(|_| DialError {
            failure: Failure::Connect,
            words: format!("no answer within {within:?}"),
        })??;
        if wanted == Some(Protocol::Http2) && protocol == Protocol::Http1 {
            return Err(DialError {
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

    async fn try_http2(&self, stream: Stream) -> Result<(), DialError> {
        let agreed = tokio::time::timeout(AGREE_WITHIN, shake_hands(stream)).await;
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
            return Err(DialError {
                failure: Failure::Tls,
                words,
            });
        }
        Err(DialError {
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
    async fn try_certificate(&self, mut stream: Stream) -> Result<(), DialError> {
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
            Some(words) => Err(DialError {
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
}

fn is_v4(place: &PeerAddress) -> bool {
    matches!(place, PeerAddress::Socket(SocketAddr::V4(_)))
}
