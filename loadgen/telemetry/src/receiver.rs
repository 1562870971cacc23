//! A receiver of metrics or traces: its address, headers and TLS, and one request to it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Most characters of an answer that are quoted in an error.
const QUOTED_MAX: usize = 200;

/// Media type of every message.
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Further headers of every request.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// The address of a receiver: `http://` or `https://`. A user name and password in it are sent as basic authentication, and
/// never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiverUrl(Url);

/// A receiver that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// The address is not valid.
    #[error("`{0}` is not the address of a receiver; write it as http://HOST:PORT")]
    Address(String),
    /// No certificate is trusted.
    #[error("no trusted certificates were found for {url}; name a file of them in SSL_CERT_FILE")]
    Certificates {
        /// The address.
        url: String,
    },
}

/// A failed request.
#[derive(Debug)]
pub(crate) enum PostError {
    /// A later attempt may succeed.
    Temporary(String),
    /// The receiver refuses the message.
    Refused(String),
}

/// A receiver, and what each request to it needs.
pub(crate) struct Receiver {
    url: ReceiverUrl,
    host: String,
    port: u16,
    headers: Headers,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl FromStr for ReceiverUrl {
    type Err = ReceiverError;

    fn from_str(text: &str) -> Result<Self, ReceiverError> {
        // The text may contain a password after a typing error, so no more than its start is shown.
        let wrong = || ReceiverError::Address(text.chars().take(12).collect::<String>() + "…");
        let url = Url::parse(text.trim()).map_err(|_| wrong())?;
        let is_web = matches!(url.scheme(), "http" | "https");
        match is_web && url.host_str().is_some_and(|host| !host.is_empty()) {
            true => Ok(Self(url)),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for ReceiverUrl {
    /// Without user name, password and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // They fail only for addresses without a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        f.write_str(shown.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ReceiverUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverUrl({self})")
    }
}

impl ReceiverUrl {
    /// Path and query of a request to `path` below this address.
    fn below(&self, path: &str) -> String {
        let base = self.0.path().trim_end_matches('/');
        match self.0.query() {
            None => format!("{base}{path}"),
            Some(query) => format!("{base}{path}?{query}"),
        }
    }

    /// Sets the path, unless the address has one.
    pub(crate) fn or_path(mut self, path: &str) -> Self {
        if self.0.path() == "/" {
            self.0.set_path(path);
        }
        self
    }

    /// The basic authentication in the address.
    fn authorization(&self) -> Option<HeaderValue> {
        if self.0.username().is_empty() && self.0.password().is_none() {
            return None;
        }
        let decoded = |text| percent_decode_str(text).collect::<Vec<u8>>();
        let mut pair = decoded(self.0.username());
        pair.push(b':');
        pair.extend(decoded(self.0.password().unwrap_or("")));
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Receiver {
    /// Prepares requests to an address.
    ///
    /// # Errors
    /// If no certificate is trusted, which `https` needs.
    pub(crate) fn new(url: ReceiverUrl, mut headers: Headers) -> Result<Self, ReceiverError> {
        if let Some(value) = url.authorization() {
            headers.push((AUTHORIZATION, value));
        }
        let host = url.0.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let tls = match url.0.scheme() {
            "https" => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| ReceiverError::Address(url.to_string()))?;
                Some((trusting_system(&url)?, name))
            }
            _ => None,
        };
        Ok(Self {
            port: url.0.port_or_known_default().unwrap_or(80),
            host,
            headers,
            tls,
            url,
        })
    }

    /// Its address, without secrets.
    pub(crate) fn url(&self) -> &ReceiverUrl {
        &self.url
    }

    /// Sends a message to `path` below the address, and returns the answer.
    ///
    /// # Errors
    /// If there is no answer within `timeout`, or its status is not one of success.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        message: Vec<u8>,
        timeout: Duration,
    ) -> Result<Bytes, PostError> {
        let exchange = self.exchange(path, headers, message);
        let answered = match tokio::time::timeout(timeout, exchange).await {
            Ok(answered) => answered.map_err(PostError::Temporary)?,
            Err(_) => {
                let reason = format!("no answer within {timeout:?}");
                return Err(PostError::Temporary(reason));
            }
        };
        let (status, body) = answered;
        if status.is_success() {
            return Ok(body);
        }
        let text = quoted(&body);
        let reason = match text.is_empty() {
            true => format!("it answered with status {status}"),
            false => format!("it answered with status {status}: {text}"),
        };
        // Those that the specification of OTLP lets a client repeat; remote write adds the other server errors.
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS => PostError::Temporary(reason),
            status if status.is_server_error() => PostError::Temporary(reason),
            _ => PostError::Refused(reason),
        })
    }

    async fn exchange(
        &self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        message: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::post(self.url.below(path))
            .header(HOST, self.authority())
            .header(USER_AGENT, concat!("tenfold/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, PROTOBUF)
            .header(CONNECTION, HeaderValue::from_static("close"));
        for (name, value) in headers.iter().chain(&self.headers) {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(message)))
            .map_err(|error| error.to_string())?;
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| error.to_string())?;
        let answered = match &self.tls {
            None => send(tcp, request).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), tcp).await;
                let stream = stream.map_err(|error| format!("TLS failed: {error}"))?;
                send(stream, request).await
            }
        };
        answered.map_err(|error| error.to_string())
    }

    /// Host and port for the header `Host`.
    fn authority(&self) -> String {
        let host = self.url.0.host_str().unwrap_or_default();
        match self.url.0.port() {
            None => host.to_owned(),
            Some(port) => format!("{host}:{port}"),
        }
    }
}

/// Sends a request on a connection of its own, and reads the answer.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender, which reports its errors.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    // The text of an error may be cut off, but the status counts.
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    Ok((status, body))
}

/// TLS that trusts the certificates of the system.
fn trusting_system(url: &ReceiverUrl) -> Result<TlsConnector, ReceiverError> {
    let none = || ReceiverError::Certificates {
        url: url.to_string(),
    };
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(none());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| none())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The start of an answer, on one line.
fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let shown = text.trim().chars();
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(QUOTED_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ReceiverUrl {
        text.parse().unwrap()
    }

    #[test]
    fn address_is_shown_without_secrets() {
        let url = url("https://me:s3cret@otlp.example:4318/base/?token=s3cret");
        assert_eq!(url.to_string(), "https://otlp.example:4318/base");
        assert!(!format!("{url:?}").contains("s3cret"));
        assert_eq!(url.below("/v1/metrics"), "/base/v1/metrics?token=s3cret");
        assert_eq!(
            url.authorization().unwrap(),
            HeaderValue::from_static("Basic bWU6czNjcmV0")
        );
    }

    #[test]
    fn path_is_added_once() {
        let write = "/api/v1/write";
        let with = |text: &str| url(text).or_path(write).below("");
        assert_eq!(with("http://127.0.0.1:9090"), write);
        assert_eq!(with("http://127.0.0.1:9090/"), write);
        assert_eq!(with("http://mimir/api/v1/push?x=1"), "/api/v1/push?x=1");
    }

    #[test]
    fn rejects_other_addresses() {
        for text in ["", "127.0.0.1:4318", "grpc://a:4317", "unix:/x", "http://"] {
            let error = text.parse::<ReceiverUrl>().unwrap_err().to_string();
            assert!(error.contains("http://HOST:PORT"), "{error}");
        }
        let typo = "htp://user:a-long-password@host".parse::<ReceiverUrl>();
        assert!(!typo.unwrap_err().to_string().contains("password"));
    }

    #[test]
    fn answers_are_quoted_on_one_line() {
        assert_eq!(quoted(b"  out of\norder \x1b[0m"), "out of order  [0m");
        assert_eq!(quoted(&[b'x'; 5_000]).len(), QUOTED_MAX);
    }
}
