//! Opens a connection to the target.

use std::io;
use std::time::Instant;

use tokio::net::{TcpStream, UnixStream};

use crate::connect::peer_address::PeerAddress;
use crate::connect::protocol::Protocol;
use crate::connect::resolved_target::ResolvedTarget;
use crate::connect::stamped_tcp::StampedTcp;
use crate::connect::stream::{Kind, Stream};
use crate::connect::tls::explain;
use crate::failure::Failure;

/// A connection that was opened.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// What is read and written.
    pub(crate) stream: Stream,
    /// What it carries.
    pub(crate) protocol: Protocol,
}

/// Opens a connection to the target, TLS included where it is spoken, and counts it.
///
/// Takes the target's addresses in turns. What went wrong is kept in the address's record of dials,
/// where the first of its kind is told.
pub(crate) async fn dial(address: &ResolvedTarget) -> Result<Dialled, Failure> {
    let begun = Instant::now();
    let place = address.next_place();
    match open(address, place).await {
        Ok(dialled) => {
            address.dials.opened(begun.elapsed());
            Ok(dialled)
        }
        Err(DialError { failure, words }) => {
            address.dials.failed(failure, &format!("{place}: {words}"));
            Err(failure)
        }
    }
}

/// A connection that could not be opened.
#[derive(Debug)]
pub(crate) struct DialError {
    /// The class of it.
    pub(crate) failure: Failure,
    /// Why, in words.
    pub(crate) words: String,
}

/// Opens a connection to one place, TLS included where it is spoken.
pub(crate) async fn open(
    address: &ResolvedTarget,
    place: &PeerAddress,
) -> Result<Dialled, DialError> {
    let dials = &address.dials;
    let stream = |kind| Stream::new(kind, &dials.traffic);
    let begun = Instant::now();
    let tcp = match place {
        PeerAddress::Socket(socket) => TcpStream::connect(socket).await.map_err(unconnected)?,
        PeerAddress::Path(path) => {
            let socket = UnixStream::connect(path).await.map_err(unconnected)?;
            dials.connected(begun.elapsed());
            return Ok(Dialled {
                stream: stream(Kind::Unix(socket)),
                protocol: address.protocol,
            });
        }
    };
    dials.connected(begun.elapsed());
    tcp.set_nodelay(true).map_err(unconnected)?;
    let Some(tls) = &address.tls else {
        return Ok(Dialled {
            stream: stream(Kind::Tcp(StampedTcp::new(tcp))),
            protocol: address.protocol,
        });
    };
    let begun = Instant::now();
    let (encrypted, protocol) = tls.shake_hands(tcp).await.map_err(|error| {
        let mut words = explain(&error).unwrap_or_else(|| {
            format!("the service ended the connection in the middle of the handshake ({error})")
        });
        if tls.owes_certificate() && !words.contains("--cert") {
            words.push_str(
                "; it had asked for a client certificate: give one with --cert FILE --key FILE",
            );
        }
        DialError {
            failure: Failure::Tls,
            words,
        }
    })?;
    dials.shook_hands(begun.elapsed(), encrypted.get_ref().1);
    Ok(Dialled {
        stream: stream(Kind::Tls(Box::new(encrypted))),
        protocol,
    })
}

fn unconnected(error: io::Error) -> DialError {
    let advice = match error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
    {
        Some(rustix::io::Errno::MFILE) => {
            "; raise the limit of open files with `ulimit -n`, or ask for fewer users"
        }
        Some(rustix::io::Errno::ADDRNOTAVAIL) => {
            "; no local port is left: widen net.ipv4.ip_local_port_range, or ask for fewer users"
        }
        _ => "",
    };
    DialError {
        failure: Failure::Connect,
        words: format!("{error}{advice}"),
    }
}
