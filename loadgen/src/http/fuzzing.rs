//! Entry points for the fuzz targets in `fuzz/`, which read answers without a socket.

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request};
use tokio::io::{AsyncWriteExt, copy, duplex, sink, split};
use url::Url;

use crate::failure::Failure;
use crate::http::cookie_jar::CookieJar;
use crate::http::event_stream::{Event, EventReader};
use crate::http::grpc_messages::{KeepMessages, MessageReader};
use crate::http::kept::{Keep, Kept};
use crate::http::redirect::{host_of, next_request, path_of};
use crate::http::response_reader::{Progress, Response, ResponseReader};
use crate::http::{content_coding, http2, server_timing};

/// Number of body bytes that are kept.
pub const BODY_LIMIT: usize = 1 << 20;

/// Capacity of the in-memory stream, in each direction.
const STREAM_BYTES: usize = 1 << 20;

/// Turns that the client gets to act on the settings before the peer sends the rest.
const TURNS: usize = 16;

const KEEP: Keep = Keep {
    headers: true,
    body_limit: BODY_LIMIT,
    sha256: true,
    decode: false,
    events: false,
    messages: None,
};

/// Reads the names and nanoseconds of `Server-Timing` headers. `None` if no metric has a duration.
pub fn timing(headers: &HeaderMap) -> Option<Vec<(String, u64)>> {
    let metrics = server_timing::server_timing(headers)?;
    assert!(metrics.len() <= server_timing::METRICS_MAX);
    Some(metrics)
}

/// An answer, as the generator read it.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Length of its body, without framing.
    pub body_bytes: u64,
    /// Its headers.
    pub headers: HeaderMap,
    /// The start of its body.
    pub body: Vec<u8>,
    /// The SHA-256 of its whole body.
    pub sha256: Option<[u8; 32]>,
    /// True if the connection can be used again. Always true over HTTP/2.
    pub is_reusable: bool,
}

impl Answer {
    fn new(status: u16, body_bytes: u64, kept: Option<Kept>, is_reusable: bool) -> Self {
        let kept = kept.unwrap_or_default();
        Self {
            status,
            body_bytes,
            headers: kept.headers,
            body: kept.body,
            sha256: kept.sha256,
            is_reusable,
        }
    }
}

/// Reads an HTTP/1.1 answer that arrives in pieces of `piece_bytes` bytes, and then the end of the connection.
///
/// # Errors
/// The failure that the generator counts.
pub fn read_http1(method: &Method, bytes: &[u8], piece_bytes: usize) -> Result<Answer, Failure> {
    let mut reader = ResponseReader::new(method, |_| KEEP);
    let answer = |response: Response| {
        Answer::new(
            response.status,
            response.body_bytes,
            response.kept,
            response.reusable,
        )
    };
    for piece in bytes.chunks(piece_bytes.max(1)) {
        if let Progress::Complete(response) = reader.read(piece)? {
            return Ok(answer(response));
        }
    }
    reader.end().map(answer)
}

/// Decodes a body in a content coding, of which all bytes are given. Keeps at most `limit` bytes.
///
/// # Errors
/// The reason, if the body is not valid.
pub fn decode(coding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let decoded = content_coding::decode(&[coding.to_owned()], body, false, limit, false);
    decoded.map(|decoded| decoded.body)
}

/// Reads a stream of events that arrives in pieces of `piece_bytes` bytes. Returns the name and the data of each.
///
/// # Errors
/// The failure that the generator counts.
pub fn read_events(bytes: &[u8], piece_bytes: usize) -> Result<Vec<(String, String)>, Failure> {
    let mut reader = EventReader::default();
    let mut events = Vec::new();
    for piece in bytes.chunks(piece_bytes.max(1)) {
        let take = |event: Event| events.push((event.name, event.data));
        let read = reader.read(piece, take);
        read.map_err(|reason| reason.failure())?;
    }
    Ok(events)
}

/// Reads a body of gRPC that arrives in pieces of `piece_bytes` bytes. Returns for each message whether it is compressed, and its bytes.
///
/// # Errors
/// The failure that the generator counts.
pub fn read_messages(bytes: &[u8], piece_bytes: usize) -> Result<Vec<(bool, Vec<u8>)>, Failure> {
    let mut reader = MessageReader::new(KeepMessages::All);
    for piece in bytes.chunks(piece_bytes.max(1)) {
        let read = reader.read(piece, || ());
        read.map_err(|reason| reason.failure())?;
    }
    reader.ended().map_err(|reason| reason.failure())?;
    let messages = reader.parts(None).messages.into_iter();
    Ok(messages
        .map(|message| (message.is_compressed, message.payload))
        .collect())
}

/// The cookies of one user.
#[derive(Debug, Default)]
pub struct Cookies {
    jar: CookieJar,
}

impl Cookies {
    /// Keeps the cookies of an answer with these `set-cookie` lines. Returns the number of cookies that were refused.
    pub fn keep(&self, url: &Url, lines: &[HeaderValue]) -> u64 {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, line.clone());
        }
        self.jar.keep(&headers, url)
    }

    /// The `cookie` header of a request to `url` that has the header `own` already.
    pub fn header(&self, url: &Url, own: Option<&HeaderValue>) -> Option<HeaderValue> {
        self.jar.header(url, own)
    }

    /// The number of cookies.
    pub fn count(&self) -> usize {
        self.jar.values().len()
    }
}

/// A request that a redirect leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Followed {
    /// Its method.
    pub method: Method,
    /// Its address.
    pub url: Url,
    /// Its path and query, as they are sent.
    pub path: String,
    /// Its `host` header, if the address can be sent.
    pub host: Option<HeaderValue>,
    /// True if it has no body, although the redirected request may have had one.
    pub drops_body: bool,
}

/// Follows a redirect from `at` to `location`. `None` if the answer has no address.
///
/// # Errors
/// The reason, if the location can't be followed.
pub fn follow(
    status: u16,
    method: &Method,
    at: &Url,
    location: &HeaderValue,
) -> Result<Option<Followed>, String> {
    let headers = HeaderMap::from_iter([(LOCATION, location.clone())]);
    let redirect = next_request(status, method, at, &headers)?;
    Ok(redirect.map(|redirect| Followed {
        path: path_of(&redirect.url),
        host: host_of(&redirect.url),
        method: redirect.method,
        url: redirect.url,
        drops_body: redirect.drops_body,
    }))
}

/// Makes one HTTP/2 exchange with a peer that sends `first`, then `rest` after the client had time to send its
/// request, and then the end of the connection.
///
/// # Errors
/// The failure that the generator counts.
pub fn read_http2(
    method: &Method,
    body: &'static [u8],
    first: &[u8],
    rest: &[u8],
) -> Result<Answer, Failure> {
    let (ours, theirs) = duplex(STREAM_BYTES);
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    *request.uri_mut() = http::Uri::from_static("http://a.example/path");
    *request.version_mut() = http::Version::HTTP_2;
    let exchange = http2::exchange_over(ours, request, Bytes::from_static(body), KEEP);
    let peer = async move {
        let (mut from_client, mut to_client) = split(theirs);
        let _ = to_client.write_all(first).await;
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let _ = to_client.write_all(rest).await;
        let _ = to_client.shutdown().await;
        let _ = copy(&mut from_client, &mut sink()).await;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers needs no resource");
    let (done, ()) = runtime.block_on(async { tokio::join!(exchange, peer) });
    done.map(|answer| Answer::new(answer.status, answer.body_bytes, answer.kept, true))
}
