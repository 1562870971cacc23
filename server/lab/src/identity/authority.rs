//! Certificates of the boxes, issued by an authority that lives as long as the lab.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::LabError;
use crate::directory::plain_path;
use crate::directory::write_private;

/// Validity of the certificates. Each start of a lab issues new ones.
pub(crate) const VALIDITY: Duration = Duration::from_secs(90 * 86_400);

/// Tolerance for clocks that are behind.
const CLOCK_SKEW: Duration = Duration::from_secs(86_400);

/// Names and addresses of a certificate.
type Issued = (Vec<String>, Vec<IpAddr>);

/// Certificate authority of one lab. Its key never leaves memory.
pub(crate) struct Authority {
    directory: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Certificates that it has issued: further names and addresses, by name.
    issued: Mutex<BTreeMap<String, Issued>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
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
        let mut params = params(Vec::new(), "Tenfold lab", VALIDITY)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = KeyPair::generate()
            .and_then(|key| CertifiedIssuer::self_signed(params, key))
            .map_err(certificate_error)?;
        let authority = Self {
            directory,
            issuer,
            issued: Mutex::default(),
        };
        write_private(&authority.certificate(), &authority.issuer.pem())?;
        Ok(authority)
    }

    /// Returns the path of its own certificate, which clients trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Issues a certificate for a box's name and addresses.
    pub(crate) fn issue(&self, name: &str, addresses: &[IpAddr]) -> Result<Identity, LabError> {
        self.issue_known_as(name, &[], addresses)
    }

    /// Like [`Authority::issue`], for a box that is known by further names.
    pub(crate) fn issue_known_as(
        &self,
        name: &str,
        further: &[&str],
        addresses: &[IpAddr],
    ) -> Result<Identity, LabError> {
        let further: Vec<String> = further.iter().copied().map(str::to_owned).collect();
        let identity = self.write(name, &further, addresses, VALIDITY)?;
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.insert(name.to_owned(), (further, addresses.to_vec()));
        Ok(identity)
    }

    /// Issues all certificates again, with new keys, at the same paths.
    pub(crate) fn issue_again(&self, validity: Duration) -> Result<(), LabError> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, (further, addresses)) in issued.iter() {
            self.write(name, further, addresses, validity)?;
        }
        Ok(())
    }

    fn write(
        &self,
        name: &str,
        further: &[String],
        addresses: &[IpAddr],
        validity: Duration,
    ) -> Result<Identity, LabError> {
        let mut names = vec![name.to_owned(), "localhost".to_owned()];
        names.extend_from_slice(further);
        names.extend(addresses.iter().map(IpAddr::to_string));
        names.dedup();
        let mut params = params(names, name, validity)?;
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

fn params(
    names: Vec<String>,
    common_name: &str,
    validity: Duration,
) -> Result<CertificateParams, LabError> {
    let mut params = CertificateParams::new(names).map_err(certificate_error)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + validity).into();
    Ok(params)
}

fn certificate_error(error: rcgen::Error) -> LabError {
    LabError::Certificate {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_again_with_new_keys() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new(directory.path()).unwrap();
        let address = "127.0.1.1".parse().unwrap();
        let identity = authority.issue("sql", &[address]).unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let before = [&identity.certificate, &identity.key, &identity.both].map(|path| read(path));
        let ca = read(&identity.ca);
        authority.issue_again(VALIDITY).unwrap();
        let after = [&identity.certificate, &identity.key, &identity.both].map(|path| read(path));
        for (before, after) in before.iter().zip(&after) {
            assert_ne!(before, after);
        }
        assert_eq!(after[2], format!("{}{}", after[0], after[1]));
        // Clients need not know about it.
        assert_eq!(read(&identity.ca), ca);
    }
}
