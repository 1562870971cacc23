//! TLS: what is trusted, what is shown, and what was agreed on.

mod explanation;
mod trust;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
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

/// What ALPN calls HTTP/2 and HTTP/1.1.
const ALPN_HTTP2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Whom to trust and what to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates in PEM that are trusted, rather than those of the system.
    pub ca: Option<PathBuf>,
    /// Whether any certificate is taken, unverified.
    pub insecure: bool,
    /// A certificate of our own with its chain, in PEM, for a target that asks for one.
    pub certificate: Option<PathBuf>,
    /// Its key, in PEM.
    pub key: Option<PathBuf>,
    /// The name to ask for (SNI) and to look for in the target's certificate, rather than the
    /// target's host.
    pub server_name: Option<String>,
}

impl TlsOptions {
    /// The first flag that was given, for a target without TLS.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.ca.is_some(), "--ca"),
            (self.insecure, "--insecure"),
            (self.certificate.is_some(), "--cert"),
            (self.key.is_some(), "--key"),
            (self.server_name.is_some(), "--sni"),
        ];
        flags
            .iter()
            .find(|(given, _)| *given)
            .map(|(_, flag)| *flag)
    }
}

/// How TLS is spoken with one target.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    /// Whether the certificate is verified.
    pub(crate) verified: bool,
    own: Arc<OwnCertificate>,
}

impl Tls {
    /// Reads the files and makes ready; the sessions of all connections are kept in one place, so
    /// that later ones can take them up again.
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
        let provider = Arc::new(aws_lc_rs::default_provider());
        let own = Arc::new(OwnCertificate::read(options, &provider)?);
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
        let resolver: Arc<dyn ResolvesClientCert> = own.clone();
        let mut config = builder.with_client_cert_resolver(resolver);
        config.alpn_protocols = alpn(http);
        Ok(Self {
            config: Arc::new(config),
            server_name,
            verified: !options.insecure,
            own,
        })
    }

    /// Shakes hands over an open connection; returns the stream and the protocol that it carries.
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

    /// Offers nothing but the protocol that was agreed on once, so that a service of several
    /// machines can't answer some connections in one and some in the other.
    pub(crate) fn settle(&mut self, protocol: Protocol) {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = alpn(match protocol {
            Protocol::Http1 => HttpVersion::Http1,
            Protocol::Http2 => HttpVersion::Http2,
        });
        self.config = Arc::new(config);
    }

    /// The name that is asked for.
    pub(crate) fn server_name(&self) -> String {
        self.server_name.to_str().into_owned()
    }

    /// Whether a certificate of our own was asked for and there is none to show.
    pub(crate) fn owes_certificate(&self) -> bool {
        self.own.key.is_none() && self.own.asked.load(Ordering::Relaxed)
    }

    /// Whether a certificate of our own was asked for and shown.
    pub(crate) fn shows_certificate(&self) -> bool {
        self.own.key.is_some() && self.own.asked.load(Ordering::Relaxed)
    }
}

/// What is offered, the preferred first.
fn alpn(http: HttpVersion) -> Vec<Vec<u8>> {
    match http {
        HttpVersion::Negotiated => vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()],
        HttpVersion::Http1 => vec![ALPN_HTTP1.to_vec()],
        HttpVersion::Http2 => vec![ALPN_HTTP2.to_vec()],
    }
}

/// A certificate of our own, where there is one, and whether the target asked for it.
#[derive(Debug)]
struct OwnCertificate {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl OwnCertificate {
    fn read(options: &TlsOptions, provider: &CryptoProvider) -> Result<Self, LoadError> {
        let (certificate, key) = match (&options.certificate, &options.key) {
            (None, None) => {
                return Ok(Self {
                    key: None,
                    asked: AtomicBool::new(false),
                });
            }
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return Err(alone("--cert", "--key")),
            (None, Some(_)) => return Err(alone("--key", "--cert")),
        };
        let chain = certificates(certificate, "the certificate")?;
        let wrong = |reason: String| LoadError::Configuration {
            what: format!("the key {}", key.display()),
            reason,
        };
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => wrong(
                "it holds no private key in PEM that is not encrypted; decrypt it with `openssl \
                 pkey -in FILE -out PLAIN`"
                    .to_owned(),
            ),
            other => wrong(pem_reason(&other)),
        })?;
        let key = CertifiedKey::from_der(chain, private, provider).map_err(|error| {
            wrong(match error {
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

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn alone(given: &str, missing: &str) -> LoadError {
    LoadError::Configuration {
        what: given.to_owned(),
        reason: format!("a certificate and its key belong together; give {missing} FILE too"),
    }
}

/// The certificates that are trusted: those of the file, or else of the system.
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
            what: "the certificates that the system trusts".to_owned(),
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
            "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        ));
    }
    Ok(certificates)
}

/// What is wrong with a file in PEM, without what it holds.
fn pem_reason(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        _ => "it is no valid PEM".to_owned(),
    }
}
