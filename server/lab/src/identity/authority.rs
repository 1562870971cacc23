//! Who the boxes are: certificates, from an authority that lives as long as the lab.

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

/// How long certificates are good for; a lab makes them anew each time that it comes up.
const GOOD_FOR: Duration = Duration::from_secs(90 * 86_400);

/// Clocks may differ by so much.
const LEEWAY: Duration = Duration::from_secs(86_400);

/// An authority that certifies the boxes of one lab. Its key is kept in memory alone.
pub(crate) struct Authority {
    directory: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, as files in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The authority's certificate, which vouches for this one.
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Certificate and key in one file, as HAProxy takes them.
    pub(crate) both: PathBuf,
}

impl Authority {
    /// Makes one that writes below a lab's directory.
    pub(crate) fn new(directory: &Path) -> Result<Self, LabError> {
        let directory = plain_path(directory)?.join("tls");
        let mut params = params(Vec::new(), "Tenfold lab")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = KeyPair::generate()
            .and_then(|key| CertifiedIssuer::self_signed(params, key))
            .map_err(refused)?;
        let authority = Self { directory, issuer };
        write_private(&authority.certificate(), &authority.issuer.pem())?;
        Ok(authority)
    }

    /// Where its own certificate is: who trusts it trusts the boxes.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Certifies a box under its name and the addresses that it is reached at.
    pub(crate) fn issue(&self, name: &str, addresses: &[IpAddr]) -> Result<Identity, LabError> {
        let mut names = vec![name.to_owned(), "localhost".to_owned()];
        names.extend(addresses.iter().map(IpAddr::to_string));
        names.dedup();
        let mut params = params(names, name)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Peers of a cluster are each other's clients.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(refused)?;
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
    let mut params = CertificateParams::new(names).map_err(refused)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = SystemTime::now();
    params.not_before = (now - LEEWAY).into();
    params.not_after = (now + GOOD_FOR).into();
    Ok(params)
}

fn refused(error: rcgen::Error) -> LabError {
    LabError::Certificate {
        reason: error.to_string(),
    }
}
