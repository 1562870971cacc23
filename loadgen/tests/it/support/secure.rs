//! A server of TLS, HTTP/1.1 and HTTP/2 that does as a test wants, and notes what it saw.

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

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Answer with `hello`.
    Answer,
    /// Answer with `hello` after a while.
    AnswerLate(Duration),
    /// Answer, and take no more requests over the connection.
    AnswerAndEnd,
    /// Reset the stream before the head of an answer.
    Reset,
    /// Announce a body and reset the stream in the middle of it.
    ResetBody,
    /// Say nothing.
    Hang,
}

/// What a server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    /// The most streams that were open at a time over one connection.
    pub(crate) most_streams: AtomicU64,
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

/// How a server is to be.
pub(crate) struct Secure {
    /// Certificates in the order of connections; the last is for all that follow. None: no TLS.
    pub(crate) certificates: Vec<Arc<CertifiedKey>>,
    /// Whose certificates clients must have.
    pub(crate) wants: Option<RootCertStore>,
    /// What it offers.
    pub(crate) alpn: Vec<&'static str>,
    /// What it speaks without ALPN.
    pub(crate) http2: bool,
    /// Streams that it allows at a time.
    pub(crate) most_streams: u32,
    /// A socket in the file system, rather than a port.
    pub(crate) socket: Option<PathBuf>,
    /// What to do with the n-th request, from 0.
    pub(crate) act: fn(u64) -> Act,
}

impl Default for Secure {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            wants: None,
            alpn: vec!["h2", "http/1.1"],
            http2: false,
            most_streams: 250,
            socket: None,
            act: |_| Act::Answer,
        }
    }
}

/// A server that runs until the test's process ends.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl Secure {
    pub(crate) fn start(self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let running = Running {
            address,
            seen: Arc::clone(&seen),
        };
        let unix = self.socket.as_ref().map(|path| {
            let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        });
        // One configuration for all connections, so that sessions can be taken up again.
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
                                self.take(stream, &acceptors, &seen);
                            }
                        }
                        None => {
                            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                            while let Ok((stream, _)) = listener.accept().await {
                                stream.set_nodelay(true).unwrap();
                                self.take(stream, &acceptors, &seen);
                            }
                        }
                    }
                });
        });
        running
    }

    fn take<S>(&self, stream: S, acceptors: &[TlsAcceptor], seen: &Arc<Seen>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let number = seen.connections.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(seen);
        let (act, most_streams, http2) = (self.act, self.most_streams, self.http2);
        let acceptor = usize::try_from(number)
            .ok()
            .and_then(|number| acceptors.get(number))
            .or(acceptors.last());
        let Some(acceptor) = acceptor.cloned() else {
            tokio::spawn(async move {
                if http2 {
                    serve_http2(stream, act, most_streams, seen).await;
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
                serve_http2(stream, act, most_streams, seen).await;
            } else {
                serve_http1(stream, act, seen).await;
            }
        });
    }

    fn config(&self, certificate: &Arc<CertifiedKey>, seen: &Arc<Seen>) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match &self.wants {
            None => builder.with_no_client_auth(),
            Some(roots) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider)
                    .build()
                    .unwrap(),
            ),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Show {
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

/// Shows one certificate, and notes the name that was asked for.
#[derive(Debug)]
struct Show {
    certificate: Arc<CertifiedKey>,
    seen: Arc<Seen>,
}

impl ResolvesServerCert for Show {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("").to_owned();
        self.seen.names.lock().unwrap().push(name);
        Some(Arc::clone(&self.certificate))
    }
}

fn note(seen: &Seen, headers: &HeaderMap, authority: &str) {
    if let Some(value) = headers.get("authorization") {
        let value = value.to_str().unwrap().to_owned();
        seen.authorizations.lock().unwrap().push(value);
    }
    seen.authorities.lock().unwrap().push(authority.to_owned());
}

async fn serve_http2<S>(stream: S, act: fn(u64) -> Act, most_streams: u32, seen: Arc<Seen>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(mut connection) = h2::server::Builder::new()
        .max_concurrent_streams(most_streams)
        .handshake::<_, bytes::Bytes>(stream)
        .await
    else {
        return;
    };
    let open = Arc::new(AtomicU64::new(0));
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        let authority = request.uri().authority().map_or("", |a| a.as_str());
        note(&seen, request.headers(), authority);
        let now = open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_streams.fetch_max(now, Ordering::SeqCst);
        let act = act(number);
        if act == Act::AnswerAndEnd {
            connection.graceful_shutdown();
        }
        let (seen, open) = (Arc::clone(&seen), Arc::clone(&open));
        tokio::spawn(async move {
            // The whole request is read, as a server does.
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
                Act::Reset => respond.send_reset(Reason::INTERNAL_ERROR),
                Act::ResetBody => {
                    let mut send = respond.send_response(head(500), false).unwrap();
                    let _ = send.send_data("hello".into(), false);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    send.send_reset(Reason::INTERNAL_ERROR);
                }
                Act::Hang => {
                    let _ = std::future::poll_fn(|context| respond.poll_reset(context)).await;
                    seen.cancelled.fetch_add(1, Ordering::SeqCst);
                }
                Act::Answer | Act::AnswerAndEnd | Act::AnswerLate(_) => {
                    if let Act::AnswerLate(time) = act {
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

async fn serve_http1<S>(mut stream: S, act: fn(u64) -> Act, seen: Arc<Seen>)
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
        note(&seen, &headers, &host);
        let act = act(number);
        if act == Act::Hang {
            std::future::pending::<()>().await;
        }
        let answer = match act {
            Act::AnswerAndEnd => "content-length: 5\r\nconnection: close\r\n\r\nhello",
            _ => "content-length: 5\r\n\r\nhello",
        };
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}");
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if act == Act::AnswerAndEnd {
            let _ = stream.shutdown().await;
            return;
        }
    }
}
