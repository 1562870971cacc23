//! The opening handshake (RFC 6455, section 4).

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

use crate::connect::{Protocol, Stream, dial};
use crate::failure::Failure;
use crate::http::{Answer, HEAD_BYTES_MAX, Keep, Outgoing, Progress, ResponseReader};
use crate::websocket::Conversation;
use crate::websocket::socket::{Broken, Socket};

/// Most headers of the service's handshake.
const HEADERS_MAX: usize = 128;

/// Bytes that are read at a time.
const READ_BYTES: usize = 4 * 1024;

/// The result of a handshake.
pub(super) enum Opened {
    /// The conversation can begin.
    Socket {
        socket: Socket,
        /// Headers of the service's handshake.
        headers: HeaderMap,
        /// When its first byte arrived.
        first_byte_ns: u64,
    },
    /// The service answered with another status than 101.
    Refused(Answer),
}

/// Opens a connection and makes the handshake.
///
/// # Errors
/// If it can't be opened, or the handshake is not valid.
pub(super) async fn open(
    conversation: &Conversation<'_>,
    wanted: impl Fn(u16) -> Keep,
    now: impl Fn() -> u64,
) -> Result<Opened, Broken> {
    let outgoing = &conversation.outgoing;
    let without_reason = |failure| Broken {
        failure,
        reason: String::new(),
    };
    let dialed = dial(&outgoing.endpoint.target).await;
    let dialed = dialed.map_err(without_reason)?;
    if dialed.protocol == Protocol::Http2 {
        return Err(Broken {
            failure: Failure::WebSocket,
            reason: "the service was asked for HTTP/2, on which tenfold has no WebSocket; give --http 1.1"
                .to_owned(),
        });
    }
    let mut stream = dialed.stream;
    let key = generate_key();
    let request = request(conversation, &key).map_err(without_reason)?;
    outgoing.mark_written();
    let io = |error: std::io::Error| Broken {
        failure: Failure::Connection,
        reason: error.to_string(),
    };
    stream.write_all(&request).await.map_err(io)?;
    stream.flush().await.map_err(io)?;
    let mut read = Vec::new();
    let mut first_byte_ns = None;
    loop {
        let at = more(&mut stream, &mut read, &now).await?;
        let first_byte_ns = *first_byte_ns.get_or_insert(at);
        let Some((status, headers, length)) = head(&read)? else {
            continue;
        };
        if status != 101 {
            let answer = rest(stream, &read, first_byte_ns, wanted, now).await?;
            return Ok(Opened::Refused(answer));
        }
        verify(&headers, &key, conversation)?;
        return Ok(Opened::Socket {
            socket: Socket::new(stream, read.split_off(length)),
            headers,
            first_byte_ns,
        });
    }
}

/// The request of a handshake, in HTTP/1.1.
fn request(conversation: &Conversation<'_>, key: &str) -> Result<Vec<u8>, Failure> {
    let outgoing = conversation.outgoing;
    let mut rendered = outgoing.rendered.clone();
    // The generator sets these; a scenario may set the others, such as `origin`.
    let own: [HeaderName; 3] = [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE];
    rendered.headers.retain(|(name, _)| !own.contains(name));
    let key = HeaderValue::from_str(key).map_err(|_| Failure::Unsendable)?;
    rendered.headers.extend([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (SEC_WEBSOCKET_KEY, key),
    ]);
    if let Some(subprotocol) = &conversation.websocket.subprotocol {
        rendered
            .headers
            .push((SEC_WEBSOCKET_PROTOCOL, subprotocol.clone()));
    }
    let mut bytes = Vec::new();
    let upgrading = Outgoing {
        rendered: &rendered,
        ..outgoing
    };
    upgrading.write_http1(&mut bytes)?;
    Ok(bytes)
}

/// Reads more bytes. Returns when they arrived.
async fn more(
    stream: &mut Stream,
    read: &mut Vec<u8>,
    now: impl Fn() -> u64,
) -> Result<u64, Broken> {
    let before = read.len();
    read.resize(before + READ_BYTES, 0);
    let count = stream.read(&mut read[before..]).await;
    let count = count.map_err(|error| Broken {
        failure: Failure::Connection,
        reason: error.to_string(),
    })?;
    read.truncate(before + count);
    if count == 0 {
        return Err(Broken {
            failure: Failure::Connection,
            reason: "the service closed the connection during the WebSocket handshake".to_owned(),
        });
    }
    Ok(now().saturating_sub(stream.read_lag_ns().unwrap_or(0)))
}

/// Status, headers and length of a head. `None` if it is incomplete.
fn head(read: &[u8]) -> Result<Option<(u16, HeaderMap, usize)>, Broken> {
    let malformed = |reason: String| Broken {
        failure: Failure::Malformed,
        reason,
    };
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(read) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if read.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) => {
            return Err(malformed("the head of the answer is too long".to_owned()));
        }
        Err(error) => return Err(malformed(error.to_string())),
    };
    let mut map = HeaderMap::new();
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    Ok(Some((response.code.unwrap_or(0), map, length)))
}

/// Checks the service's handshake.
fn verify(headers: &HeaderMap, key: &str, conversation: &Conversation<'_>) -> Result<(), Broken> {
    let lists = |name: HeaderName, wanted: &str| {
        let values = headers.get_all(name).into_iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(wanted))
    };
    let accepted = headers.get(SEC_WEBSOCKET_ACCEPT);
    let fault = if !lists(UPGRADE, "websocket") || !lists(CONNECTION, "upgrade") {
        "the service answered with status 101, but not with an upgrade to WebSocket"
    } else if accepted.is_none_or(|value| value != derive_accept_key(key.as_bytes()).as_str()) {
        "the service answered another handshake: its `sec-websocket-accept` does not match"
    } else if let Some(chosen) = headers.get(SEC_WEBSOCKET_PROTOCOL)
        && conversation.websocket.subprotocol.as_ref() != Some(chosen)
    {
        "the service chose a subprotocol that the scenario does not ask for"
    } else {
        return Ok(());
    };
    Err(Broken {
        failure: Failure::WebSocket,
        reason: fault.to_owned(),
    })
}

/// Reads the rest of an answer that is no handshake.
async fn rest(
    mut stream: Stream,
    read: &[u8],
    first_byte_ns: u64,
    wanted: impl Fn(u16) -> Keep,
    now: impl Fn() -> u64,
) -> Result<Answer, Broken> {
    let unreadable = |failure| Broken {
        failure,
        reason: "the answer to the WebSocket handshake can't be read".to_owned(),
    };
    let mut reader = ResponseReader::new(&Method::GET, wanted);
    let mut progress = reader.read(read).map_err(unreadable)?;
    let response = loop {
        match progress {
            Progress::Complete(response) => break response,
            Progress::More => {}
        }
        let mut buffer = [0; READ_BYTES];
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        progress = match count {
            0 => break reader.end().map_err(unreadable)?,
            count => reader.read(&buffer[..count]).map_err(unreadable)?,
        };
    };
    Ok(Answer {
        status: response.status,
        first_byte_ns,
        done_ns: now().saturating_sub(stream.read_lag_ns().unwrap_or(0)),
        read_lag_ns: stream.read_lag_ns(),
        body_bytes: response.body_bytes,
        kept: response.kept,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn head_is_read_once_it_is_complete() {
        let text =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nx: 1\r\n\r\n\x81\x02hi";
        let end = text.len() - 4;
        for length in 1..end {
            assert!(head(&text[..length]).unwrap().is_none(), "{length}");
        }
        let (status, headers, length) = head(text).unwrap().unwrap();
        assert_eq!((status, length), (101, end));
        assert_eq!(headers[UPGRADE], "WebSocket");
    }

    #[test]
    fn head_is_bounded() {
        let mut text = b"HTTP/1.1 101 ok\r\nx: ".to_vec();
        text.resize(HEAD_BYTES_MAX, b'y');
        let broken = head(&text).unwrap_err();
        assert_eq!(broken.failure, Failure::Malformed);
        assert!(broken.reason.contains("too long"), "{}", broken.reason);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some((_, _, length))) = head(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
