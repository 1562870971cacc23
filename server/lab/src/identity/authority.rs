//! Certificates of the boxes, issued by an authority that lives as long as the lab.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::LabError;
use crate::directory::plain_path;
use crate::directory::write_private;

/// Validity of the certificates. Each start of a lab issues new ones.
const VALIDITY: Duration = Duration::from_secs(90 * 86_400);

/// Tolerance for clocks that are behind.
const CLOCK_SKEW: Duration = Duration::from_secs(86_400);

/// Certificate authority of one lab. Its key never leaves memory.
pub(crate) struct Authority {
    directory: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Paths of a box's certificate and key, as PEM files.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Certificate of the authority that issued this one.
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Certificate and key in one file, as HAProxy expects them.
    pub(crate) both: PathBuf,
}

impl Authority {
    /// Creates an authority that writes below a lab's directory.
    pub(crate) fn new(directory: &Path) -> Result<Self, LabError> {
        let directory = plain_path(directory)?.join("tls");
        let mut params = params(Vec::new(), "Tenfold lab")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = KeyPair::generate()
            .and_then(|key| CertifiedIssuer::self_signed(params, key))
            .map_err(certificate_error)?;
        let authority = Self { directory, issuer };
        write_private(&authority.certificate(), &authority.issuer.pem())?;
        Ok(authority)
    }

    /// Returns the path of its own certificate, which clients trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Issues a certificate for a box's name and addresses.
    pub(crate) fn issue(&self, name: &str, addresses: &[IpAddr]) -> Result<Identity, LabError> {
        let mut names = vec![name.to_owned(), "localhost".to_owned()];
        names.extend(addresses.iter().map(IpAddr::to_string));
        names.dedup();
        let mut params = params(names, name)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Members of a cluster connect to each other as clients.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().map_err(certificate_error)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(certificate_error)?;
        let identity = Identity {
            ca: self.certificate(),
            certificate: self.directory.join(format!("{name}.pem")),
            key: self.directory.join(format!("{name}.key")),
            both: self.directory.join(format!("{name}.both.pem")),
        };
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        write_private(&identity.certificate, &certificate)?;
        write_private(&identity.key, &key)?;
        write_private(&identity.both, &format!("{certificate}{key}"))?;
        Ok(identity)
    }
}

fn params(names: Vec<String>, common_name: &str) -> Result<CertificateParams, LabError> {
    let mut params = CertificateParams::new(names).map_err(certificate_error)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + VALIDITY).into();
    Ok(params)
}

fn certificate_error(error: rcgen::Error) -> LabError {
    LabError::Certificate {
        reason: error.to_string(),
    }
}
