//! Opens connections to a target.

use std::io;
use std::time::Instant;

use tokio::net::{TcpStream, UnixStream};

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
    let begun = Instant::now();
    let tcp = match address {
        PeerAddress::Tcp(socket) => TcpStream::connect(socket).await.map_err(connect_error)?,
        PeerAddress::Unix(path) => {
            let socket = UnixStream::connect(path).await.map_err(connect_error)?;
            dials.connected(begun.elapsed());
            return Ok(DialedStream {
                stream: stream(Transport::Unix(socket)),
                protocol: target.protocol,
            });
        }
    };
    dials.connected(begun.elapsed());
    tcp.set_nodelay(true).map_err(connect_error)?;
    let Some(tls) = &target.tls else {
        return Ok(DialedStream {
            stream: stream(Transport::Tcp(StampedTcp::new(tcp))),
            protocol: target.protocol,
        });
    };
    let begun = Instant::now();
    let (encrypted, protocol) = tls.shake_hands(tcp).await.map_err(|error| {
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

fn connect_error(error: io::Error) -> DialError {
    let advice = match error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
    {
        Some(rustix::io::Errno::MFILE) => {
            "; raise the limit of open files with `ulimit -n`, or use fewer users"
        }
        Some(rustix::io::Errno::ADDRNOTAVAIL) => {
            "; no local port is left: widen net.ipv4.ip_local_port_range, or use fewer users"
        }
        _ => "",
    };
    DialError {
        failure: Failure::Connect,
        reason: format!("{error}{advice}"),
    }
}
