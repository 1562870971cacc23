//! TLS termination.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::{self, Ticketer};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::transport::{TlsError, Transport};
use crate::config::TlsFiles;

/// Timeout of a handshake: two round trips and some milliseconds of CPU at each end.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of concurrent handshakes, each of which takes some 20 KB. Further connections wait in
/// the kernel's accept queue.
const HANDSHAKES_MAX: usize = 2_048;
/// Supported protocol: HTTP/1.1.
const ALPN: &[u8] = b"http/1.1";
/// Clients use TLS for this host for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// TLS 1.2 and 1.3 with one certificate.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    handshakes: Arc<Semaphore>,
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// [`TlsError::File`] if a file is missing or invalid.
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = chain(&files.certificate)?;
        let key = key(&files.key)?;
        let setup = |error: rustls::Error| TlsError::Setup(error.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(setup)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => TlsError::File {
                    role: KEY,
                    path: files.key.clone(),
                    reason: format!("it does not belong to {}", files.certificate.display()),
                },
                other => TlsError::File {
                    role: CERTIFICATE,
                    path: files.certificate.clone(),
                    reason: other.to_string(),
                },
            })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Clients store the state for session resumption, so that it takes no memory here.
        config.ticketer = Ticketer::new().map_err(setup)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        })
    }
}

impl Transport for Tls {
    type Acceptor = TcpListener;
    type Stream = TlsStream<TcpStream>;
    /// `None` if the semaphore is closed, which never happens.
    type Ticket = Option<OwnedSemaphorePermit>;

    async fn admit(&self) -> Self::Ticket {
        Arc::clone(&self.handshakes).acquire_owned().await.ok()
    }

    async fn open(&self, ticket: Self::Ticket, stream: TcpStream) -> io::Result<Self::Stream> {
        let opened = timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream)).await;
        drop(ticket);
        opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn mark(response: &mut Response) {
        response
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

const CERTIFICATE: &str = "the certificate";
const KEY: &str = "the key";

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |reason: String| TlsError::File {
        role: CERTIFICATE,
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| wrong(pem_reason(&error)))?;
    if chain.is_empty() {
        return Err(wrong(
            "it contains no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        ));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File {
        role: KEY,
        path: path.to_owned(),
        reason: match error {
            pem::Error::NoItemsFound => "it contains no unencrypted private key in PEM; \
                                         decrypt it with `openssl pkey -in FILE -out PLAIN`"
                .to_owned(),
            other => pem_reason(&other),
        },
    })
}

/// Describes an error in a PEM file, without its contents.
fn pem_reason(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        _ => "it is not valid PEM".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    #[tokio::test]
    async fn handshakes_above_maximum_wait() {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, cert.pem()).unwrap();
        std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
        let mut tls = Tls::read(&files).unwrap();
        tls.handshakes = Arc::new(Semaphore::new(1));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let ticket = tls.admit().await;
        let opening = tokio::spawn({
            let tls = tls.clone();
            async move { tls.open(ticket, accepted).await.map(drop) }
        });
        let next = timeout(Duration::from_millis(100), tls.admit()).await;
        assert!(next.is_err(), "a second handshake was admitted");
        drop(silent);
        assert!(opening.await.unwrap().is_err());
        assert!(tls.admit().await.is_some());
    }
}
