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
use crate::connect::race::{ATTEMPT_DELAY, Attempt, all, race};
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
    /// Connects once to each address, without a request, and settles the protocol.
    ///
    /// If a name has addresses of both IP versions, they race (RFC 8305): connections go round robin to the
    /// version that first accepts, because both usually lead to the same machines. The other addresses are
    /// used only if those fail. `target` names it in errors.
    ///
    /// # Errors
    /// If no address accepts, or no protocol can be agreed on.
    pub(crate) async fn reach(
        &mut self,
        target: &str,
        wanted: Option<Protocol>,
    ) -> Result<(), LoadError> {
        let addresses = interleaved(std::mem::take(&mut self.addresses));
        let probes = addresses
            .iter()
            .map(|address| self.attempt(target, address, wanted))
            .collect();
        let (first, protocol) = race(probes, ATTEMPT_DELAY).await.map_err(|errors| {
            let last = errors.into_iter().next_back();
            unreachable(target, last.unwrap_or_else(DialError::no_address))
        })?;
        self.protocol = protocol;
        if let Some(tls) = &mut self.tls {
            tls.restrict_to(protocol);
        }
        let chosen = is_v4(&addresses[first]);
        let alike: Vec<&PeerAddress> = addresses
            .iter()
            .enumerate()
            .filter(|(index, address)| *index != first && is_v4(address) == chosen)
            .map(|(_, address)| address)
            .collect();
        let probes = alike
            .iter()
            .map(|address| self.attempt(target, address, wanted))
            .collect();
        let probed = all(probes).await;
        let accepted: Vec<&PeerAddress> = alike
            .into_iter()
            .zip(probed)
            .filter_map(|(address, probed)| probed.is_ok().then_some(address))
            .collect();
        let is_used =
            |address: &PeerAddress| *address == addresses[first] || accepted.contains(&address);
        let (used, fallbacks) = addresses.iter().cloned().partition(is_used);
        (self.addresses, self.fallbacks) = (used, fallbacks);
        Ok(())
    }

    /// Probes an address. The error names it unless `target` does already.
    fn attempt<'a>(
        &'a self,
        target: &str,
        address: &'a PeerAddress,
        wanted: Option<Protocol>,
    ) -> Attempt<'a, Protocol, DialError> {
        let is_named = target.contains(&address.to_string());
        Box::pin(async move {
            let probed = self.probe(address, wanted).await;
            probed.map_err(|error| match is_named {
                true => error,
                false => DialError {
                    reason: format!("{address}: {}", error.reason),
                    ..error
                },
            })
        })
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
                reason: "the service does not offer HTTP/2, which `--http 2` and gRPC need"
                    .to_owned(),
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

/// Why a target can't be put under load.
fn unreachable(target: &str, error: DialError) -> LoadError {
    let target = target.to_owned();
    let reason = error.reason;
    match error.failure {
        Failure::Tls => LoadError::Disagreed {
            what: "TLS",
            target,
            reason,
        },
        Failure::Malformed => LoadError::Disagreed {
            what: "HTTP/2",
            target,
            reason,
        },
        own if own.blame() == Blame::Generator => LoadError::Shortage { target, reason },
        _ => LoadError::Unreachable {
            target,
            reason: format!("{reason}; is the service running?"),
        },
    }
}

/// Orders addresses so that the IP versions alternate, beginning with that of the first.
fn interleaved(addresses: Vec<PeerAddress>) -> Vec<PeerAddress> {
    let Some(first) = addresses.first().map(is_v4) else {
        return addresses;
    };
    let count = addresses.len();
    let (alike, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| is_v4(address) == first);
    let (mut alike, mut others) = (alike.into_iter(), others.into_iter());
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(alike.next());
        ordered.extend(others.next());
    }
    ordered
}

fn is_v4(address: &PeerAddress) -> bool {
    matches!(address, PeerAddress::Tcp(SocketAddr::V4(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_versions_alternate() {
        let order = |addresses: &[&str]| {
            let addresses = addresses
                .iter()
                .map(|address| PeerAddress::Tcp(address.parse().unwrap()))
                .collect();
            let ordered = interleaved(addresses);
            ordered.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            order(&[
                "[::1]:80",
                "[::2]:80",
                "1.0.0.1:80",
                "1.0.0.2:80",
                "1.0.0.3:80"
            ]),
            [
                "[::1]:80",
                "1.0.0.1:80",
                "[::2]:80",
                "1.0.0.2:80",
                "1.0.0.3:80"
            ]
        );
        assert_eq!(
            order(&["1.0.0.1:80", "1.0.0.2:80"]),
            ["1.0.0.1:80", "1.0.0.2:80"]
        );
        assert!(order(&[]).is_empty());
    }
}
