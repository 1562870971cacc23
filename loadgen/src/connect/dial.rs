//! Opens connections to a target.

use std::io;
use std::time::Instant;

use tokio::net::{TcpStream, UnixStream};

use crate::connect::local_shortage::local_shortage;
use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
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
/// Uses the target's addresses round robin.
///
/// # Errors
/// If the connection can't be opened. The first error of each class is kept in the target's counts.
pub(crate) async fn dial(target: &ResolvedTarget) -> Result<DialedStream, Failure> {
    let begun = Instant::now();
    let address = target.next_address();
    match open(target, address).await {
        Ok(dialed) => {
            target.dials.opened(begun.elapsed());
            Ok(dialed)
        }
        Err(DialError { failure, reason }) => {
            target
                .dials
                .failed(failure, &format!("{address}: {reason}"));
            Err(failure)
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

/// Opens a connection to one address, including TLS.
///
/// # Errors
/// If connecting or the TLS handshake fails.
pub(crate) async fn open(
    target: &ResolvedTarget,
    address: &PeerAddress,
) -> Result<DialedStream, DialError> {
    let dials = &target.dials;
    let stream = |transport| Stream::new(transport, &dials.traffic);
    let refused = |error: io::Error| connect_error(&error, address);
    let begun = Instant::now();
    let tcp = match address {
        PeerAddress::Tcp(socket) => TcpStream::connect(socket).await.map_err(refused)?,
        PeerAddress::Unix(path) => {
            let socket = UnixStream::connect(path).await.map_err(refused)?;
            dials.connected(begun.elapsed());
            return Ok(DialedStream {
                stream: stream(Transport::Unix(socket)),
                protocol: target.protocol,
            });
        }
    };
    dials.connected(begun.elapsed());
    tcp.set_nodelay(true).map_err(refused)?;
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
