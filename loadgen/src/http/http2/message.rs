//! HTTP/2 request heads, and the meaning of stream errors.

use h2::Reason;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::connect::is_library_limit;
use crate::failure::Failure;
use crate::http::request_head::Outgoing;
use crate::http::unreadable::Unreadable;

/// Connection-specific headers, which HTTP/2 forbids (RFC 9113, section 8.2.2).
const CONNECTION_HEADERS: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// How the library describes a connection whose stream ids are used up. It exports no type for it.
const STREAM_IDS_USED_UP: &str = "stream ID overflowed";

/// Builds the head of a request from a rendered one.
///
/// # Errors
/// [`Failure::Unsendable`] if the path or host is not valid.
pub(super) fn request(outgoing: &Outgoing<'_>) -> Result<Request<()>, Failure> {
    let Outgoing {
        method,
        endpoint,
        rendered,
        ..
    } = outgoing;
    let target = &endpoint.target;
    let prefix = outgoing.prefix()?;
    let mut path = String::with_capacity(prefix.len() + rendered.path.len());
    path.push_str(prefix);
    path.push_str(&rendered.path);
    let path = PathAndQuery::from_maybe_shared(bytes::Bytes::from(path))
        .map_err(|_| Failure::Unsendable)?;
    let mut request = Request::new(());
    let headers = request.headers_mut();
    headers.reserve(rendered.headers.len() + 2);
    for (name, value) in &rendered.headers {
        if *name != HOST && *name != CONTENT_LENGTH && !CONNECTION_HEADERS.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    if let Some(credentials) = outgoing.credentials() {
        headers.insert(AUTHORIZATION, credentials.clone());
    }
    let host = outgoing.host();
    let authority = if *host == target.host {
        target.authority.clone()
    } else {
        Authority::try_from(host.as_bytes()).map_err(|_| Failure::Unsendable)?
    };
    // The calls of gRPC clients announce none.
    if outgoing.announces_length() && !headers.contains_key(TE) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(rendered.body.len()));
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(target.scheme.clone());
    parts.authority = Some(authority);
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Failure::Unsendable)?;
    *request.method_mut() = (*method).clone();
    *request.version_mut() = http::Version::HTTP_2;
    Ok(request)
}

/// A failed exchange.
#[derive(Debug)]
pub(super) struct ExchangeError {
    /// Its class.
    pub(super) failure: Failure,
    /// The reason, for messages.
    pub(super) reason: String,
    /// True if the service did not process the request.
    pub(super) is_unprocessed: bool,
    /// True if the connection can't be used any more.
    pub(super) ends_connection: bool,
}

impl ExchangeError {
    fn new(failure: Failure, error: &h2::Error) -> Self {
        Self {
            failure,
            reason: error.to_string(),
            is_unprocessed: false,
            ends_connection: !error.is_reset(),
        }
    }

    /// The request was not sent.
    pub(super) fn unsent(error: &h2::Error) -> Self {
        // The stream ids of a connection are used up after a billion requests; another has new ones.
        let used_up = error.to_string().ends_with(STREAM_IDS_USED_UP);
        if error.is_io() || error.is_go_away() || error.is_reset() || used_up {
            Self {
                is_unprocessed: true,
                ends_connection: true,
                ..Self::new(cause(error, Failure::Connection), error)
            }
        } else {
            // The library rejects the request on any connection.
            Self {
                ends_connection: false,
                ..Self::new(Failure::Unsendable, error)
            }
        }
    }

    /// It failed before the head of the answer was read.
    ///
    /// A service that closes the connection gracefully names the last request that it processed
    /// (GOAWAY). The library fails only the requests after that with `NO_ERROR`.
    pub(super) fn before_head(error: &h2::Error) -> Self {
        Self {
            is_unprocessed: error.is_go_away()
                && error.is_remote()
                && error.reason() == Some(Reason::NO_ERROR),
            ..Self::new(cause(error, Failure::Connection), error)
        }
    }

    /// It failed while the body was read, after `body_bytes` bytes.
    pub(super) fn in_body(error: &h2::Error, body_bytes: u64, headers: &HeaderMap) -> Self {
        let announced: Option<u64> = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let failure = cause(error, Failure::ShortBody);
        // The library reports a body that is too short or too long as a protocol error.
        let short = announced.is_some_and(|announced| body_bytes < announced);
        let ended = error.is_library() && error.reason() == Some(Reason::PROTOCOL_ERROR);
        let failure = if short && ended {
            Failure::ShortBody
        } else {
            failure
        };
        Self::new(failure, error)
    }
}

/// An answer that can't be read, although the library reports no error. Only its stream ends.
impl From<Unreadable> for ExchangeError {
    fn from(reason: Unreadable) -> Self {
        Self {
            failure: reason.failure(),
            reason: reason.to_string(),
            is_unprocessed: false,
            ends_connection: false,
        }
    }
}

/// The class of an error: a limit of the library, malformed data, TLS, or `ended` if the stream or connection ended.
fn cause(error: &h2::Error, ended: Failure) -> Failure {
    if is_library_limit(error) {
        Failure::GeneratorLimit
    } else if error.is_library() {
        Failure::Malformed
    } else if error
        .get_io()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData)
    {
        Failure::Tls
    } else {
        ended
    }
}
