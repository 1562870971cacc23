//! A configurable server for TLS, HTTP/1.1 and HTTP/2 that records its requests.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h2::Reason;
use http::{HeaderMap, Response};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// The action for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Answer with `hello`.
    Answer,
    /// Answer with `hello` after a while.
    AnswerLate(Duration),
    /// Answer, and accept no more requests on the connection.
    AnswerAndEnd,
    /// Reset the stream before the head of an answer.
    Reset,
    /// Announce a body and reset the stream before its end.
    ResetBody,
    /// Never answer.
    Hang,
    /// Send Server-Sent Events, this far apart, until the stream is reset.
    Events(Duration),
}

/// The requests and connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    /// The most concurrent streams on one connection.
    pub(crate) streams_max: AtomicU64,
    pub(crate) names: Mutex<Vec<String>>,
    pub(crate) authorizations: Mutex<Vec<String>>,
    pub(crate) authorities: Mutex<Vec<String>>,
    pub(crate) client_certificates: AtomicU64,
}

impl Seen {
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The configuration of a server.
pub(crate) struct SecureServer {
    /// Certificates in the order of connections; the last is for all others. Empty: no TLS.
    pub(crate) certificates: Vec<Arc<CertifiedKey>>,
    /// Issuers of client certificates, if it requires those.
    pub(crate) client_roots: Option<RootCertStore>,
    /// The protocols that it offers by ALPN.
    pub(crate) alpn: Vec<&'static str>,
    /// Speaks HTTP/2 without ALPN.
    pub(crate) http2: bool,
    /// The most concurrent streams that it allows.
    pub(crate) streams_max: u32,
    /// Listens on this Unix domain socket instead of a port.
    pub(crate) socket: Option<PathBuf>,
    /// The action for the n-th request, from 0.
    pub(crate) act: fn(u64) -> Action,
}

impl Default for SecureServer {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            client_roots: None,
            alpn: vec!["h2", "http/1.1"],
            http2: false,
            streams_max: 250,
            socket: None,
            act: |_| Action::Answer,
        }
    }
}

/// A server that runs until the test's process ends.
#[derive(Debug, Clone)]
pub(crate) struct RunningServer {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl SecureServer {
    pub(crate) fn start(self) -> RunningServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let running = RunningServer {
            address,
            seen: Arc::clone(&seen),
        };
        let unix = self.socket.as_ref().map(|path| {
            let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        });
        // One configuration for all connections, so that sessions can be resumed.
        let acceptors: Vec<TlsAcceptor> = self
            .certificates
            .iter()
            .map(|certificate| TlsAcceptor::from(Arc::new(self.config(certificate, &seen))))
            .collect();
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async move {
                    match unix {
                        Some(listener) => {
                            let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                            while let Ok((stream, _)) = listener.accept().await {
                                self.serve(stream, &acceptors, &seen);
                            }
                        }
                        None => {
                            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                            while let Ok((stream, _)) = listener.accept().await {
                                stream.set_nodelay(true).unwrap();
                                self.serve(stream, &acceptors, &seen);
                            }
                        }
                    }
                });
        });
        running
    }

    fn serve<S>(&self, stream: S, acceptors: &[TlsAcceptor], seen: &Arc<Seen>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let number = seen.connections.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(seen);
        let (act, streams_max, http2) = (self.act, self.streams_max, self.http2);
        let acceptor = usize::try_from(number)
            .ok()
            .and_then(|number| acceptors.get(number))
            .or(acceptors.last());
        let Some(acceptor) = acceptor.cloned() else {
            tokio::spawn(async move {
                if http2 {
                    serve_http2(stream, act, streams_max, seen).await;
                } else {
                    serve_http1(stream, act, seen).await;
                }
            });
            return;
        };
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let session = stream.get_ref().1;
            if session.peer_certificates().is_some() {
                seen.client_certificates.fetch_add(1, Ordering::SeqCst);
            }
            if session.alpn_protocol() == Some(b"h2") {
                serve_http2(stream, act, streams_max, seen).await;
            } else {
                serve_http1(stream, act, seen).await;
            }
        });
    }

    fn config(&self, certificate: &Arc<CertifiedKey>, seen: &Arc<Seen>) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match &self.client_roots {
            None => builder.with_no_client_auth(),
            Some(roots) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider)
                    .build()
                    .unwrap(),
            ),
        };
        let mut config = builder.with_cert_resolver(Arc::new(CertificateResolver {
            certificate: Arc::clone(certificate),
            seen: Arc::clone(seen),
        }));
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }
}

/// Presents one certificate and records the requested server name.
#[derive(Debug)]
struct CertificateResolver {
    certificate: Arc<CertifiedKey>,
    seen: Arc<Seen>,
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("").to_owned();
        self.seen.names.lock().unwrap().push(name);
        Some(Arc::clone(&self.certificate))
    }
}

fn record(seen: &Seen, headers: &HeaderMap, authority: &str) {
    if let Some(value) = headers.get("authorization") {
        let value = value.to_str().unwrap().to_owned();
        seen.authorizations.lock().unwrap().push(value);
    }
    seen.authorities.lock().unwrap().push(authority.to_owned());
}

async fn serve_http2<S>(stream: S, act: fn(u64) -> Action, streams_max: u32, seen: Arc<Seen>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(mut connection) = h2::server::Builder::new()
        .max_concurrent_streams(streams_max)
        .handshake::<_, bytes::Bytes>(stream)
        .await
    else {
        return;
    };
    let open = Arc::new(AtomicU64::new(0));
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        let authority = request.uri().authority().map_or("", |a| a.as_str());
        record(&seen, request.headers(), authority);
        let now = open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.streams_max.fetch_max(now, Ordering::SeqCst);
        let act = act(number);
        if act == Action::AnswerAndEnd {
            connection.graceful_shutdown();
        }
        let (seen, open) = (Arc::clone(&seen), Arc::clone(&open));
        tokio::spawn(async move {
            // Read the whole request, as servers do.
            let mut body = request.into_body();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
            }
            let head = |length: u32| {
                Response::builder()
                    .header("content-length", length)
                    .body(())
                    .unwrap()
            };
            match act {
                Action::Reset => respond.send_reset(Reason::INTERNAL_ERROR),
                Action::ResetBody => {
                    let mut send = respond.send_response(head(500), false).unwrap();
                    let _ = send.send_data("hello".into(), false);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    send.send_reset(Reason::INTERNAL_ERROR);
                }
                Action::Hang => {
                    let _ = std::future::poll_fn(|context| respond.poll_reset(context)).await;
                    seen.cancelled.fetch_add(1, Ordering::SeqCst);
                }
                Action::Events(gap) => {
                    let head = Response::builder().header("content-type", "text/event-stream");
                    let head = head.body(()).unwrap();
                    let mut send = respond.send_response(head, false).unwrap();
                    for number in 0.. {
                        tokio::time::sleep(gap).await;
                        let event = format!("event: tick\ndata: {number}\n\n");
                        if send.send_data(event.into(), false).is_err() {
                            break;
                        }
                    }
                    seen.cancelled.fetch_add(1, Ordering::SeqCst);
                }
                Action::Answer | Action::AnswerAndEnd | Action::AnswerLate(_) => {
                    if let Action::AnswerLate(time) = act {
                        tokio::time::sleep(time).await;
                    }
                    if let Ok(mut send) = respond.send_response(head(5), false) {
                        let _ = send.send_data("hello".into(), true);
                    }
                }
            }
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve_http1<S>(mut stream: S, act: fn(u64) -> Action, seen: Arc<Seen>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    loop {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let mut headers = HeaderMap::new();
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let host = headers["host"].to_str().unwrap().to_owned();
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        record(&seen, &headers, &host);
        let act = act(number);
        if act == Action::Hang {
            std::future::pending::<()>().await;
        }
        let answer = match act {
            Action::AnswerAndEnd => "content-length: 5\r\nconnection: close\r\n\r\nhello",
            _ => "content-length: 5\r\n\r\nhello",
        };
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}");
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if act == Action::AnswerAndEnd {
            let _ = stream.shutdown().await;
            return;
        }
    }
}
