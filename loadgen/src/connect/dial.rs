//! Opens connections to a target.

use std::io;
use std::time::Instant;

use tokio::net::{TcpStream, UnixStream};

use crate::connect::local_shortage::local_shortage;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
use crate::connect::race::{ATTEMPT_DELAY, Attempt, race};
use crate::connect::resolved_target::ResolvedTarget;
use crate::connect::stamped_tcp::StampedTcp;
use crate::connect::stream::{Stream, Transport};
use crate::connect::tls::explain;
use crate::failure::Failure;

/// An open connection.
#[derive(Debug)]
pub(crate) struct DialedStream {
    /// Its byte stream.
    pub(crate) stream: Stream,
    /// The protocol to speak on it.
    pub(crate) protocol: Protocol,
}

/// Opens a connection to the target, including TLS, and counts it.
///
/// Uses the target's addresses round robin. If one fails or does not answer within 250 ms, the next is tried
/// beside it, and the first that answers is used (RFC 8305).
///
/// # Errors
/// If the connection can't be opened. The first error of each class is kept in the target's counts.
pub(crate) async fn dial(target: &ResolvedTarget) -> Result<DialedStream, Failure> {
    let begun = Instant::now();
    match dial_any(target).await {
        Ok(dialed) => {
            target.dials.opened(begun.elapsed());
            Ok(dialed)
        }
        Err((address, DialError { failure, reason })) => {
            target
                .dials
                .failed(failure, &format!("{address}: {reason}"));
            Err(failure)
        }
    }
}

async fn dial_any(target: &ResolvedTarget) -> Result<DialedStream, (String, DialError)> {
    let candidates = target.next_addresses().await;
    let Some(address) = candidates.first() else {
        return Err((target.dialed.0.clone(), DialError::no_address()));
    };
    let at = |address: &PeerAddress, error| (address.to_string(), error);
    if candidates.len() == 1 {
        return open(target, address)
            .await
            .map_err(|error| at(address, error));
    }
    // A list, because a closure held by this future would make it unfit for other threads.
    let attempts: Vec<Attempt<'_, Connected, DialError>> = candidates
        .iter()
        .map(|address| -> Attempt<'_, _, _> { Box::pin(connect(target, address)) })
        .collect();
    match race(attempts, ATTEMPT_DELAY).await {
        Ok((winner, connected)) => {
            let address = candidates.get(winner).unwrap_or(address);
            if winner > 0 {
                target.dials.fell_back();
            }
            secure(target, connected)
                .await
                .map_err(|error| at(address, error))
        }
        Err(errors) => {
            let others = errors.len().saturating_sub(1);
            let mut error = errors
                .into_iter()
                .next()
                .unwrap_or_else(DialError::no_address);
            error
                .reason
                .push_str(&format!("; {others} other addresses failed as well"));
            Err(at(address, error))
        }
    }
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(crate) struct DialError {
    /// Its class.
    pub(crate) failure: Failure,
    /// The reason, for messages.
    pub(crate) reason: String,
}

impl DialError {
    /// The error of a target without an address.
    pub(crate) fn no_address() -> Self {
        Self {
            failure: Failure::Connect,
            reason: "it has no address".to_owned(),
        }
    }
}

/// A connected socket, before TLS.
#[derive(Debug)]
enum Connected {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Opens a connection to one address, including TLS.
///
/// # Errors
/// If connecting or the TLS handshake fails.
pub(crate) async fn open(
    target: &ResolvedTarget,
    address: &PeerAddress,
) -> Result<DialedStream, DialError> {
    secure(target, connect(target, address).await?).await
}

/// Connects to one address, without TLS.
async fn connect(target: &ResolvedTarget, address: &PeerAddress) -> Result<Connected, DialError> {
    let refused = |error: io::Error| connect_error(&error, address);
    let begun = Instant::now();
    let connected = match address {
        PeerAddress::Tcp(socket) => {
            let tcp = TcpStream::connect(socket).await.map_err(refused)?;
            tcp.set_nodelay(true).map_err(refused)?;
            Connected::Tcp(tcp)
        }
        PeerAddress::Unix(path) => {
            Connected::Unix(UnixStream::connect(path).await.map_err(refused)?)
        }
    };
    target.dials.connected(begun.elapsed());
    Ok(connected)
}

/// Makes the TLS handshake on a connected socket, if the target uses TLS.
async fn secure(target: &ResolvedTarget, connected: Connected) -> Result<DialedStream, DialError> {
    let dials = &target.dials;
    let stream = |transport| Stream::new(transport, &dials.traffic);
    let tcp = match connected {
        Connected::Tcp(tcp) => tcp,
        Connected::Unix(socket) => {
            return Ok(DialedStream {
                stream: stream(Transport::Unix(socket)),
                protocol: target.protocol,
            });
        }
    };
    let Some(tls) = &target.tls else {
        return Ok(DialedStream {
            stream: stream(Transport::Tcp(StampedTcp::new(tcp))),
            protocol: target.protocol,
        });
    };
    let begun = Instant::now();
    let (encrypted, protocol) = tls.shake_hands(tcp).await.map_err(|error| {
        if let Some((failure, advice)) = local_shortage(&error, false) {
            return DialError {
                failure,
                reason: format!("{error}; {advice}"),
            };
        }
        let mut reason = explain(&error).unwrap_or_else(|| {
            format!("the service closed the connection during the handshake ({error})")
        });
        if tls.lacks_client_certificate() && !reason.contains("--cert") {
            reason.push_str(
                "; it asked for a client certificate: give one with --cert FILE --key FILE",
            );
        }
        DialError {
            failure: Failure::Tls,
            reason,
        }
    })?;
    dials.shook_hands(begun.elapsed(), encrypted.get_ref().1);
    Ok(DialedStream {
        stream: stream(Transport::Tls(Box::new(encrypted))),
        protocol,
    })
}

/// The error of a connection to an address, with what to do about it.
fn connect_error(error: &io::Error, address: &PeerAddress) -> DialError {
    let is_unix = matches!(address, PeerAddress::Unix(_));
    if let Some((failure, advice)) = local_shortage(error, is_unix) {
        return DialError {
            failure,
            reason: format!("{error}; {advice}"),
        };
    }
    let advice = match error.kind() {
        io::ErrorKind::WouldBlock if is_unix => {
            "; its queue of new connections is full: the service accepts them too slowly"
        }
        _ => "",
    };
    DialError {
        failure: Failure::Connect,
        reason: format!("{error}{advice}"),
    }
}
