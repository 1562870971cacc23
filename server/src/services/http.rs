//! Calls of another part over HTTP, guarded.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};

use super::{HEADER_KEY, PATH, Remote};
use crate::limits::{Circuit, Guard, GuardedError, deadline};
use crate::store::StoreError;
use crate::tls_provider;

/// Maximum number of calls of a part at once.
const CALLS_MAX: usize = 256;
/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);
/// Timeout of a call. More than what the other part gives its own calls of the database.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum length of an answer, in bytes: a page of the longest posts.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The processes of another part. Calls are spread over them; one that fails is left out for a while.
pub(super) struct HttpRemote {
    part: &'static str,
    client: Client,
    servers: Vec<Server>,
    next: AtomicUsize,
    key: HeaderValue,
    guard: Guard,
}

struct Server {
    url: Url,
    circuit: Circuit,
}

impl fmt::Debug for HttpRemote {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.servers.iter().map(|own| own.url.as_str());
        f.debug_struct("HttpRemote")
            .field("part", &self.part)
            .field("servers", &servers.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Failure of a call.
#[derive(Debug, thiserror::Error)]
enum CallError {
    /// No process answered, for the given reason.
    #[error("{0}")]
    Outage(String),
    /// The call was not made, or was too late.
    #[error("{0}")]
    Refused(&'static str),
    /// The parts do not agree on the key or on the messages.
    #[error("{0}")]
    Mismatch(String),
}

impl GuardedError for CallError {
    fn is_outage(&self) -> bool {
        matches!(self, Self::Outage(_))
    }

    fn refused(reason: &'static str) -> Self {
        Self::Refused(reason)
    }
}

impl HttpRemote {
    /// Prepares calls.
    ///
    /// # Errors
    /// `Invalid` if the URL or the key is invalid.
    pub(super) fn new(part: &'static str, url: &str, key: &str) -> Result<Self, StoreError> {
        let invalid = || {
            StoreError::Invalid(format!(
                "invalid URL of the service of the {part}; use `http://host:port,host:port`"
            ))
        };
        let addresses = url.strip_prefix("http://").ok_or_else(invalid)?;
        let mut servers = Vec::new();
        for address in addresses.split(',') {
            address
                .rsplit_once(':')
                .and_then(|(_, port)| port.parse::<u16>().ok())
                .ok_or_else(invalid)?;
            let url = Url::parse(&format!("http://{address}{PATH}"));
            let url = url.ok().filter(|url| url.path() == PATH);
            servers.push(Server {
                url: url.ok_or_else(invalid)?,
                circuit: Circuit::new(format!("service of the {part} at {address}")),
            });
        }
        let is_visible = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let mut key = HeaderValue::from_str(key)
            .ok()
            .filter(|_| is_visible)
            .ok_or_else(|| {
                StoreError::Invalid(
                    "the key of the services must be visible ASCII characters".to_owned(),
                )
            })?;
        key.set_sensitive(true);
        tls_provider::install();
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        Ok(Self {
            part,
            client,
            servers,
            next: AtomicUsize::new(0),
            key,
            guard: Guard::new(part, CALLS_MAX),
        })
    }

    /// Asks one process, or the next if it can't be connected to: then it has not got the call.
    async fn attempt(&self, call: Bytes) -> Result<Bytes, CallError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len();
        let turns = self.servers.iter().cycle().skip(first);
        let mut last = CallError::Refused("it did not respond recently");
        for server in turns.take(self.servers.len()) {
            let Some(admission) = server.circuit.admit() else {
                continue;
            };
            match self.send_to(server, call.clone()).await {
                Ok(answer) => {
                    server.circuit.succeeded();
                    return answer;
                }
                Err(error) => {
                    // Without the URL.
                    let is_connect = error.is_connect();
                    let reason = error.without_url().to_string();
                    server.circuit.failed(admission, &reason);
                    last = CallError::Outage(reason);
                    if !is_connect {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    /// Sends a call. The outer error is a failure of the connection or the process.
    async fn send_to(
        &self,
        server: &Server,
        call: Bytes,
    ) -> Result<Result<Bytes, CallError>, reqwest::Error> {
        let mut request = self
            .client
            .post(server.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_KEY, self.key.clone())
            .body(call);
        if let Some(left) = deadline::left() {
            request = request.header(deadline::HEADER, left.as_millis().max(1).to_string());
        }
        let mut response = request.send().await?;
        match response.status() {
            StatusCode::OK => {}
            // The deadline is the client's.
            StatusCode::GATEWAY_TIMEOUT => {
                return Ok(Err(CallError::Refused("the request's deadline passed")));
            }
            status if status.is_server_error() => {
                return response.error_for_status().map(|_| Ok(Bytes::new()));
            }
            status => {
                return Ok(Err(CallError::Mismatch(format!(
                    "it answers with status {status}; do all parts have the same TENFOLD_SERVICES_KEY and version?"
                ))));
            }
        }
        let mut answer = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                let long = format!("its answer has more than {ANSWER_BYTES_MAX} bytes");
                return Ok(Err(CallError::Mismatch(long)));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(Ok(answer.freeze()))
    }
}

#[async_trait]
impl Remote for HttpRemote {
    async fn send(&self, call: Bytes) -> Result<Bytes, StoreError> {
        let answer = self.guard.call(|| self.attempt(call.clone())).await;
        answer.map_err(|error| {
            let text = format!("no answer of the service of the {}: {error}", self.part);
            match error {
                CallError::Mismatch(_) => StoreError::Other(text),
                CallError::Outage(_) | CallError::Refused(_) => StoreError::Unavailable(text),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_urls_and_keys() {
        for url in [
            "",
            "http://",
            "https://h:1",
            "http://h",
            "http://h:x",
            "http://h:1,",
            "http://h:1/a:2",
            "http://h:1?a:2",
        ] {
            let error = HttpRemote::new("posts", url, "key").unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{url}: {error}");
        }
        for key in ["", "a\nb", "\u{fc}"] {
            let error = HttpRemote::new("posts", "http://h:1", key).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{key:?}: {error}");
        }
        let remote = HttpRemote::new("posts", "http://h:1,[::1]:2", "hunter2").unwrap();
        assert!(!format!("{remote:?}").contains("hunter2"));
    }
}
