//! TLS: trusted certificates, client certificate and negotiation.

mod explanation;
mod trust;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::LoadError;
use crate::connect::protocol::{HttpVersion, Protocol};
pub(crate) use explanation::explain;
use trust::TrustAll;

/// The ALPN identifiers of HTTP/2 and HTTP/1.1.
const ALPN_HTTP2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// TLS options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Trusted certificates, in PEM, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Accepts any certificate, unverified.
    pub insecure: bool,
    /// Client certificate with its chain, in PEM, for a target that requests one.
    pub certificate: Option<PathBuf>,
    /// Key of the client certificate, in PEM.
    pub key: Option<PathBuf>,
    /// Server name to send (SNI) and to verify, instead of the target's host.
    pub server_name: Option<String>,
}

impl TlsOptions {
    /// The first option that is set, as a flag. `None` if none is set.
    pub(crate) fn first_flag(&self) -> Option<&'static str> {
        let flags = [
            (self.ca.is_some(), "--ca"),
            (self.insecure, "--insecure"),
            (self.certificate.is_some(), "--cert"),
            (self.key.is_some(), "--key"),
            (self.server_name.is_some(), "--sni"),
        ];
        flags
            .iter()
            .find(|(is_set, _)| *is_set)
            .map(|(_, flag)| *flag)
    }
}

/// TLS for one target.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    /// True if the target's certificate is verified.
    pub(crate) verified: bool,
    client_certificate: Arc<ClientCertificate>,
}

impl Tls {
    /// Reads the certificate files. All connections share one session cache, so that later ones can
    /// resume.
    ///
    /// # Errors
    /// If a file or the server name can't be used, or no certificate is trusted.
    pub(crate) fn new(
        options: &TlsOptions,
        host: &str,
        http: HttpVersion,
    ) -> Result<Self, LoadError> {
        let name = options.server_name.as_deref().unwrap_or(host);
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| LoadError::Configuration {
                what: format!("`{name}` as a server name"),
                reason: "it is neither a DNS name nor an address; give another with --sni NAME"
                    .to_owned(),
            })?;
        let provider = Arc::new(ring::default_provider());
        let client_certificate = Arc::new(ClientCertificate::read(options, &provider)?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| LoadError::Configuration {
                what: "TLS".to_owned(),
                reason: error.to_string(),
            })?;
        let builder = if options.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAll::new(&provider)))
        } else {
            let roots = roots(options.ca.as_deref())?;
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| LoadError::Configuration {
                    what: "the trusted certificates".to_owned(),
                    reason: error.to_string(),
                })?;
            builder.with_webpki_verifier(verifier)
        };
        let resolver: Arc<dyn ResolvesClientCert> = client_certificate.clone();
        let mut config = builder.with_client_cert_resolver(resolver);
        config.alpn_protocols = alpn(http);
        Ok(Self {
            config: Arc::new(config),
            server_name,
            verified: !options.insecure,
            client_certificate,
        })
    }

    /// Performs the handshake on an open connection. Returns the stream and its protocol.
    pub(crate) async fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.server_name.clone(), stream).await?;
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(ALPN_HTTP2) => Protocol::Http2,
            // A server without ALPN speaks HTTP/1.1.
            _ => Protocol::Http1,
        };
        Ok((stream, protocol))
    }

    /// Offers only one protocol from now on, so that a service of several machines can't mix two.
    pub(crate) fn restrict_to(&mut self, protocol: Protocol) {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = alpn(match protocol {
            Protocol::Http1 => HttpVersion::Http1,
            Protocol::Http2 => HttpVersion::Http2,
        });
        self.config = Arc::new(config);
    }

    /// The server name (SNI).
    pub(crate) fn server_name(&self) -> String {
        self.server_name.to_str().into_owned()
    }

    /// Returns true if the target requested a client certificate that we don't have.
    pub(crate) fn lacks_client_certificate(&self) -> bool {
        self.client_certificate.key.is_none()
            && self.client_certificate.asked.load(Ordering::Relaxed)
    }

    /// Returns true if the target requested our client certificate.
    pub(crate) fn sent_client_certificate(&self) -> bool {
        self.client_certificate.key.is_some()
            && self.client_certificate.asked.load(Ordering::Relaxed)
    }
}

/// The protocols to offer, preferred first.
fn alpn(http: HttpVersion) -> Vec<Vec<u8>> {
    match http {
        HttpVersion::Negotiated => vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()],
        HttpVersion::Http1 => vec![ALPN_HTTP1.to_vec()],
        HttpVersion::Http2 => vec![ALPN_HTTP2.to_vec()],
    }
}

/// An optional client certificate, and whether the target requested one.
#[derive(Debug)]
struct ClientCertificate {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ClientCertificate {
    fn read(options: &TlsOptions, provider: &CryptoProvider) -> Result<Self, LoadError> {
        let (certificate, key) = match (&options.certificate, &options.key) {
            (None, None) => {
                return Ok(Self {
                    key: None,
                    asked: AtomicBool::new(false),
                });
            }
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return Err(missing_half("--cert", "--key")),
            (None, Some(_)) => return Err(missing_half("--key", "--cert")),
        };
        let chain = certificates(certificate, "the certificate")?;
        let unusable = |reason: String| LoadError::Configuration {
            what: format!("the key {}", key.display()),
            reason,
        };
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => unusable(
                "it contains no unencrypted private key in PEM; decrypt it with `openssl pkey -in \
                 FILE -out PLAIN`"
                    .to_owned(),
            ),
            other => unusable(pem_reason(&other)),
        })?;
        let key = CertifiedKey::from_der(chain, private, provider).map_err(|error| {
            unusable(match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("it does not belong to {}", certificate.display())
                }
                other => other.to_string(),
            })
        })?;
        Ok(Self {
            key: Some(Arc::new(key)),
            asked: AtomicBool::new(false),
        })
    }
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn missing_half(given: &str, missing: &str) -> LoadError {
    LoadError::Configuration {
        what: given.to_owned(),
        reason: format!(
            "a certificate needs its key, and a key its certificate; give {missing} FILE too"
        ),
    }
}

/// The trusted certificates: those of the file, or the system's.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in certificates(path, "the trusted certificates")? {
            roots
                .add(certificate)
                .map_err(|error| LoadError::Configuration {
                    what: format!("the trusted certificates {}", path.display()),
                    reason: error.to_string(),
                })?;
        }
        return Ok(roots);
    }
    let native = rustls_native_certs::load_native_certs();
    let (added, _unreadable) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        let why = native
            .errors
            .first()
            .map_or_else(String::new, |error| format!(" ({error})"));
        return Err(LoadError::Configuration {
            what: "the system's trusted certificates".to_owned(),
            reason: format!(
                "there are none{why}; install ca-certificates, or give --ca FILE or --insecure"
            ),
        });
    }
    Ok(roots)
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let wrong = |reason: String| LoadError::Configuration {
        what: format!("{what} {}", path.display()),
        reason,
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| wrong(pem_reason(&error)))?
        .collect();
    let certificates = certificates.map_err(|error| wrong(pem_reason(&error)))?;
    if certificates.is_empty() {
        return Err(wrong(
            "it contains no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        ));
    }
    Ok(certificates)
}

/// The reason a PEM file can't be used, without its content.
fn pem_reason(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        _ => "it is not valid PEM".to_owned(),
    }
}
