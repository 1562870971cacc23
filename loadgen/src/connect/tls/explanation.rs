//! Explanations of TLS errors, with what to do about them.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Explains a TLS error. `None` for other errors.
pub(crate) fn explain(error: &io::Error) -> Option<String> {
    let error: &Error = error.get_ref()?.downcast_ref()?;
    Some(match error {
        Error::InvalidCertificate(error) => {
            format!("certificate not trusted: {}", explain_certificate(error))
        }
        Error::InvalidMessage(_) => {
            "the response is not TLS; is it an http:// service, or another port?".to_owned()
        }
        Error::PeerIncompatible(reason) => {
            format!("the service and Tenfold have no version or cipher in common ({reason:?})")
        }
        Error::AlertReceived(alert) => explain_alert(*alert),
        other => other.to_string(),
    })
}

fn explain_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its issuer is unknown; give the issuer's certificate with --ca FILE, or skip \
             verification with --insecure"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; renew it, or skip verification with --insecure".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; check both clocks, or skip verification with --insecure"
                .to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let presented = if presented.is_empty() {
                "no name".to_owned()
            } else {
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                names.join(", ")
            };
            format!(
                "it is not for {}, but for {presented}; set the name with --sni NAME",
                expected.to_str()
            )
        }
        CertificateError::BadSignature => {
            "it was not signed by the issuer that it names; check --ca FILE, or skip verification \
             with --insecure"
                .to_owned()
        }
        CertificateError::NotValidForName => {
            "it is for another name; set that with --sni NAME".to_owned()
        }
        // The library has no variant for it.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is a CA certificate (CA:TRUE) used by a server; make one with CA:FALSE, or skip \
             verification with --insecure"
                .to_owned()
        }
        other => format!("{other}; skip verification with --insecure"),
    }
}

/// Strips the library's wrapping: `DnsName("a.test")` becomes `a.test`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

/// Explains an alert from the service.
fn explain_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the service requires a client certificate; give one with --cert FILE --key FILE"
                .to_owned()
        }
        AlertDescription::NoApplicationProtocol => {
            "the service does not speak the requested HTTP version; omit --http, or give the other \
             one"
            .to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "the service does not know that name; set another with --sni NAME".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => {
            format!("the service rejected the client certificate ({alert:?}); see --cert and --key")
        }
        other => format!("the service rejected the handshake ({other:?})"),
    }
}
