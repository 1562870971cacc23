//! What went wrong with TLS, in words that say what to do.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Says what went wrong, where it was TLS that did.
pub(crate) fn explain(error: &io::Error) -> Option<String> {
    let error: &Error = error.get_ref()?.downcast_ref()?;
    Some(match error {
        Error::InvalidCertificate(error) => format!("certificate not trusted: {}", distrust(error)),
        Error::InvalidMessage(_) => {
            "what came back is no TLS; is it an http:// service, or another port?".to_owned()
        }
        Error::PeerIncompatible(reason) => {
            format!("the service and Tenfold have no version or cipher in common ({reason:?})")
        }
        Error::AlertReceived(alert) => refusal(*alert),
        other => other.to_string(),
    })
}

fn distrust(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its issuer is not known; give the issuer's certificate with --ca FILE, or go \
             unverified with --insecure"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; renew it, or go unverified with --insecure".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; look at both clocks, or go unverified with --insecure".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let presented = if presented.is_empty() {
                "no name at all".to_owned()
            } else {
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                names.join(", ")
            };
            format!(
                "it is not for {}, but for {presented}; ask for another name with --sni NAME",
                expected.to_str()
            )
        }
        CertificateError::BadSignature => {
            "it was not signed by the issuer that it names; look at --ca FILE, or go unverified \
             with --insecure"
                .to_owned()
        }
        CertificateError::NotValidForName => {
            "it is for another name; ask for that with --sni NAME".to_owned()
        }
        // The library has no name of its own for it.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is an issuer's certificate (CA:TRUE) that a server shows as its own; make one with \
             CA:FALSE, or go unverified with --insecure"
                .to_owned()
        }
        other => format!("{other}; go unverified with --insecure"),
    }
}

/// A name without the library's wrapping: `a.test` of `DnsName("a.test")`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

/// What the other side's alert means.
fn refusal(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the service wants a client certificate; give one with --cert FILE --key FILE"
                .to_owned()
        }
        AlertDescription::NoApplicationProtocol => {
            "the service does not speak the HTTP version that was asked for; leave --http out, or \
             give the other one"
                .to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "the service does not know that name; ask for another with --sni NAME".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => {
            format!("the service refused the client certificate ({alert:?}); see --cert and --key")
        }
        other => format!("the service refused the handshake ({other:?})"),
    }
}
