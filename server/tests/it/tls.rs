//! TLS termination, as seen by clients.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "support/certificates.rs"]
mod certificates;
use crate::support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use certificates::Issuer;
use support::failing_store::{FailingStore, Faults};
use support::{Service, observed_service, service_with};
use tempfile::TempDir;
use tenfold_server::store::MemoryStore;
use tenfold_server::{Config, ServeError, TlsError, TlsFiles, start};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};

const HOST: &str = "service.example";
const HSTS: &str = "strict-transport-security: max-age=31536000\r\n";
/// Exceeds the duration of any step, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Certificate files, and the authority that issued them.
struct Files {
    directory: TempDir,
    ca: PathBuf,
    tls: TlsFiles,
}

fn files() -> Files {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new("issuer");
    let ca = issuer.write(&directory.path().join("ca.pem"));
    let (certificate, key) = issuer.issue(HOST, directory.path());
    Files {
        directory,
        ca,
        tls: TlsFiles { certificate, key },
    }
}

impl Files {
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&self.ca).unwrap())
            .unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    async fn connect(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        shake_hands(address, self.client(&[&TLS13, &TLS12]))
            .await
            .unwrap()
    }
}

async fn shake_hands(
    address: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(HOST).unwrap(), stream)
        .await
}

async fn over_tls(files: &Files) -> Service {
    service_with(Arc::new(MemoryStore::default()), |config| {
        config.tls = Some(files.tls.clone());
    })
    .await
}

/// Sends a request and returns the whole response.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut response)).await;
    read.expect("the response ends").unwrap();
    String::from_utf8(response).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn responses_over_tls_have_hsts() {
    let files = files();
    let service = over_tls(&files).await;
    for (path, status) in [("/healthz", "200"), ("/v1/posts/1", "404"), ("/no", "404")] {
        let response = exchange(files.connect(service.address).await, &get(path)).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
        assert_eq!(response.matches(HSTS).count(), 1, "{response}");
    }
    // Metrics use plain HTTP, and count requests over TLS.
    let metrics = service.admin("/metrics").send().await.unwrap();
    assert!(!metrics.headers().contains_key("strict-transport-security"));
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("/healthz"), "{metrics}");
}

#[tokio::test]
async fn plain_http_has_no_hsts() {
    let service = observed_service().await;
    let response = service.get("/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn negotiates_both_versions_and_http_1() {
    let files = files();
    let service = over_tls(&files).await;
    for (version, agreed) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut config = files.client(&[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = shake_hands(service.address, config).await.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(connection.protocol_version(), Some(agreed));
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}

#[tokio::test]
async fn resumes_sessions() {
    let files = files();
    let service = over_tls(&files).await;
    let config = files.client(&[&TLS13]);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = shake_hands(service.address, config.clone()).await.unwrap();
        stream.write_all(get("/healthz").as_bytes()).await.unwrap();
        // The ticket arrives with the response.
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        kinds.push(stream.get_ref().1.handshake_kind());
    }
    assert_eq!(
        kinds,
        [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
    );
}

#[tokio::test]
async fn client_without_issuer_does_not_connect() {
    let (files, others) = (files(), files());
    let service = over_tls(&files).await;
    let refused = shake_hands(service.address, others.client(&[&TLS13])).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn plain_bytes_on_tls_port_get_no_response() {
    let files = files();
    let service = over_tls(&files).await;
    for bytes in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\0\0\0\0\0\0\0\0"] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        // The connection may be reset, because not all bytes were read.
        let closed = timeout(TIMEOUT, stream.read_to_end(&mut response)).await;
        let _ = closed.expect("the connection is closed");
        assert!(!response.starts_with(b"HTTP"), "{response:?}");
    }
    let response = exchange(files.connect(service.address).await, &get("/healthz")).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[tokio::test]
async fn slow_handshakes_block_nobody_and_time_out() {
    let files = files();
    let service = over_tls(&files).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(service.address).await.unwrap());
    }
    let began = Instant::now();
    let response = exchange(files.connect(service.address).await, &get("/healthz")).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    // The silent connections time out after five seconds.
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    for stream in &mut silent {
        let read = timeout(TIMEOUT, stream.read(&mut [0; 8])).await;
        assert_eq!(read.expect("the connection is closed").unwrap(), 0);
    }
    assert!(
        began.elapsed() > Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn shutdown_finishes_requests_but_not_handshakes() {
    let files = files();
    let store = Arc::new(FailingStore::default());
    let mut service = service_with(store.clone(), |config| {
        config.tls = Some(files.tls.clone());
    })
    .await;
    store.set(Faults {
        delay: Duration::from_millis(500),
        ..Faults::default()
    });
    let mut idle = files.connect(service.address).await;
    let mut silent = TcpStream::connect(service.address).await.unwrap();
    let stream = files.connect(service.address).await;
    let slow = tokio::spawn(async move { exchange(stream, &get("/v1/posts/1")).await });
    while service.metric("http_server_requests_in_flight").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let address = service.address;
    let began = Instant::now();
    service.stop();
    let response = slow.await.unwrap();
    assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    timeout(TIMEOUT, service.stopped()).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    // Closed properly, with a TLS close alert.
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn plain_http_is_redirected() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new("memory:", format!("file:{}", folder.path().display()));
    config.tls = Some(files.tls.clone());
    config.redirect_listen = Some(config.listen);
    let server = start(config).await.unwrap();
    let (redirect, port) = (server.redirect_address.unwrap(), server.address.port());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let request = format!(
            "{method} /v1/posts?before=7&limit=%20 HTTP/1.1\r\nhost: {HOST}:80\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
        let response = exchange(TcpStream::connect(redirect).await.unwrap(), &request).await;
        assert!(response.starts_with("HTTP/1.1 308 "), "{response}");
        let location = format!("location: https://{HOST}:{port}/v1/posts?before=7&limit=%20\r\n");
        assert!(response.contains(&location), "{response}");
        assert!(
            !response.contains("strict-transport-security"),
            "{response}"
        );
    }
    for host in [
        "",
        "host: a@b\r\n",
        "host: a/b\r\n",
        "host: a\r\nhost: b\r\n",
    ] {
        let request = format!("GET / HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        let response = exchange(TcpStream::connect(redirect).await.unwrap(), &request).await;
        assert!(
            response.starts_with("HTTP/1.1 400 "),
            "{host:?}: {response}"
        );
        assert!(!response.contains("location:"), "{response}");
    }
    stop.send(()).unwrap();
    timeout(TIMEOUT, running).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(redirect).await.is_err());
}

/// Returns the error of starting a service with this certificate and key.
async fn rejection(certificate: PathBuf, key: PathBuf) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new("memory:", format!("file:{}", folder.path().display()));
    config.tls = Some(TlsFiles { certificate, key });
    let error = start(config).await.unwrap_err();
    assert!(
        matches!(error, ServeError::Tls(TlsError::File { .. })),
        "{error:?}"
    );
    error.to_string()
}

#[tokio::test]
async fn errors_name_invalid_files() {
    let files = files();
    let at = |name: &str| files.directory.path().join(name);
    let (_, other_key) = Issuer::new("other").issue("other.example", files.directory.path());
    std::fs::write(at("empty.pem"), "").unwrap();
    std::fs::write(at("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
    let (certificate, key) = (files.tls.certificate.clone(), files.tls.key.clone());
    let name = |path: &PathBuf| path.display().to_string();

    let error = rejection(at("absent.pem"), key.clone()).await;
    assert!(
        error.contains("absent.pem") && error.contains("No such file"),
        "{error}"
    );
    let error = rejection(certificate.clone(), at("absent.key")).await;
    assert!(
        error.contains("the key") && error.contains("absent.key"),
        "{error}"
    );
    let error = rejection(at("empty.pem"), key.clone()).await;
    assert!(
        error.contains("empty.pem: it contains no certificate in PEM"),
        "{error}"
    );
    let error = rejection(at("broken.pem"), key.clone()).await;
    assert!(error.contains("not valid PEM"), "{error}");
    let error = rejection(certificate.clone(), certificate.clone()).await;
    assert!(
        error.contains("no unencrypted private key in PEM"),
        "{error}"
    );
    let error = rejection(certificate.clone(), other_key.clone()).await;
    let expected = format!(
        "could not use the key {}: it does not belong to {}",
        name(&other_key),
        name(&certificate)
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn redirect_requires_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new("memory:", format!("file:{}", folder.path().display()));
    config.redirect_listen = Some(config.listen);
    let error = start(config).await.unwrap_err();
    assert!(matches!(
        error,
        ServeError::Tls(TlsError::RedirectWithoutTls)
    ));
}

#[tokio::test]
async fn rejects_versions_before_tls_1_2() {
    let files = files();
    let service = over_tls(&files).await;
    // First record of a client that supports at most TLS 1.1, without extensions.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 47, 1, 0]);
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    let mut response = Vec::new();
    let closed = timeout(TIMEOUT, stream.read_to_end(&mut response)).await;
    let _ = closed.expect("the connection is closed");
    // An alert that ends the handshake, instead of a server hello.
    assert_eq!(
        (response.first(), response.get(5)),
        (Some(&21), Some(&2)),
        "{response:?}"
    );
}
