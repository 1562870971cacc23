//! Opens a first connection to each address of a target and settles the protocol.

use std::net::SocketAddr;
use std::time::Duration;

use tenfold_run_dir::Blame;
use tokio::io::AsyncReadExt;

use crate::LoadError;
use crate::connect::dial::{DialError, DialedStream, open};
use crate::connect::http2_handshake::shake_hands;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
use crate::connect::resolved_target::ResolvedTarget;
use crate::connect::stream::Stream;
use crate::connect::tls::explain;
use crate::failure::Failure;

/// Time limit for the first connection to each address.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// Time limit for agreeing on TLS and on HTTP/2.
const AGREE_MAX: Duration = Duration::from_secs(5);

/// Time limit for a service to reject our client certificate, or the lack of one: with TLS 1.3
/// it does so only after the handshake.
const REJECT_MAX: Duration = Duration::from_secs(1);

impl ResolvedTarget {
    /// Connects once to each address, without a request, keeps the addresses that accept, and settles
    /// the protocol.
    ///
    /// If a name has addresses of both IP versions, only the version that first accepts is kept: both
    /// usually lead to the same machines. `target` names it in errors.
    ///
    /// # Errors
    /// If no address accepts, or no protocol can be agreed on.
    pub(crate) async fn reach(
        &mut self,
        target: &str,
        wanted: Option<Protocol>,
    ) -> Result<(), LoadError> {
        let mut last = DialError {
            failure: Failure::Connect,
            reason: "it has no address".to_owned(),
        };
        let mut reached: Vec<PeerAddress> = Vec::new();
        for address in std::mem::take(&mut self.addresses) {
            if reached
                .first()
                .is_some_and(|first| is_v4(first) != is_v4(&address))
            {
                continue;
            }
            match self.probe(&address, wanted).await {
                Ok(protocol) => {
                    if reached.is_empty() {
                        self.protocol = protocol;
                        if let Some(tls) = &mut self.tls {
                            tls.restrict_to(protocol);
                        }
                    }
                    reached.push(address);
                }
                Err(error) => {
                    last = DialError {
                        reason: format!("{address}: {}", error.reason),
                        ..error
                    };
                }
            }
        }
        if reached.is_empty() {
            return Err(match last.failure {
                Failure::Tls => LoadError::Disagreed {
                    what: "TLS",
                    target: target.to_owned(),
                    reason: last.reason,
                },
                Failure::Malformed => LoadError::Disagreed {
                    what: "HTTP/2",
                    target: target.to_owned(),
                    reason: last.reason,
                },
                own if own.blame() == Blame::Generator => LoadError::Shortage {
                    target: target.to_owned(),
                    reason: last.reason,
                },
                _ => LoadError::Unreachable {
                    target: target.to_owned(),
                    reason: last.reason,
                },
            });
        }
        self.addresses = reached;
        Ok(())
    }

    /// Opens a connection and closes it. Returns the protocol that was agreed on.
    async fn probe(
        &self,
        address: &PeerAddress,
        wanted: Option<Protocol>,
    ) -> Result<Protocol, DialError> {
        let within = if self.tls.is_some() {
            CONNECT_MAX + AGREE_MAX
        } else {
            CONNECT_MAX
        };
        let DialedStream { stream, protocol } = tokio::time::timeout(within, open(self, address))
            .await
            .map_err(|_| DialError {
                failure: Failure::Connect,
                reason: format!("no answer within {within:?}"),
            })??;
        if wanted == Some(Protocol::Http2) && protocol == Protocol::Http1 {
            return Err(DialError {
                failure: Failure::Tls,
                reason: "the service does not offer HTTP/2; omit `--http 2`".to_owned(),
            });
        }
        match protocol {
            Protocol::Http2 => self.try_http2(stream).await?,
            Protocol::Http1 => self.try_certificate(stream).await?,
        }
        Ok(protocol)
    }

    async fn try_http2(&self, stream: Stream) -> Result<(), DialError> {
        let agreed = tokio::time::timeout(AGREE_MAX, shake_hands(stream)).await;
        let (failure, reason) = match agreed {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_elapsed) => {
                let reason = format!("no settings within {AGREE_MAX:?}");
                (Failure::Malformed, reason)
            }
        };
        // With TLS 1.3 a service rejects our certificate, or the lack of one, only now. Its alert may
        // be lost if it closes the connection at once.
        if failure != Failure::Malformed
            && let Some(reason) = self.certificate_reason(&reason)
        {
            return Err(DialError {
                failure: Failure::Tls,
                reason,
            });
        }
        Err(DialError {
            failure: match failure {
                Failure::Tls => Failure::Tls,
                _ => Failure::Malformed,
            },
            reason: format!(
                "the response is not HTTP/2 ({reason}); use HTTP/1.1 with `--http 1.1`"
            ),
        })
    }

    /// Waits for a rejection if the service asked for a client certificate.
    async fn try_certificate(&self, mut stream: Stream) -> Result<(), DialError> {
        let was_asked = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.lacks_client_certificate() || tls.sent_client_certificate());
        if !was_asked {
            return Ok(());
        }
        let read = tokio::time::timeout(REJECT_MAX, stream.read_u8()).await;
        let Ok(Err(error)) = read else {
            return Ok(());
        };
        let reason = explain(&error).or_else(|| self.certificate_reason(&error.to_string()));
        match reason {
            Some(reason) => Err(DialError {
                failure: Failure::Tls,
                reason,
            }),
            None => Ok(()),
        }
    }

    /// The reason to report if the service asked for a client certificate and then closed the
    /// connection. `None` if it did not ask.
    fn certificate_reason(&self, error: &str) -> Option<String> {
        let tls = self.tls.as_ref()?;
        if tls.lacks_client_certificate() {
            return Some(
                "the service requires a client certificate; give one with --cert FILE --key FILE"
                    .to_owned(),
            );
        }
        tls.sent_client_certificate().then(|| {
            format!("the service rejected the client certificate ({error}); see --cert and --key")
        })
    }
}

fn is_v4(address: &PeerAddress) -> bool {
    matches!(address, PeerAddress::Tcp(SocketAddr::V4(_)))
}
