//! URL of a queue in NATS.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::queue::QueueError;

/// Name of the queue if the URL has none.
const NAME_DEFAULT: &str = "photos";
/// Port of NATS if the URL has none.
const PORT_DEFAULT: u16 = 4_222;

/// Parts of a URL.
#[derive(PartialEq, Eq)]
pub(super) struct NatsUrl {
    /// Host and port, without credentials.
    pub(super) address: String,
    /// User and password.
    pub(super) credentials: Option<(String, String)>,
    /// Name of the streams.
    pub(super) name: String,
    pub(super) is_encrypted: bool,
    /// File of the trusted certificates. `None` for those of the system.
    pub(super) authority_file: Option<PathBuf>,
}

impl NatsUrl {
    /// Parses `nats://user:password@host:port/NAME`, or `tls://…?ca=FILE`.
    ///
    /// # Errors
    /// `Invalid`, without the URL, which may contain a password.
    pub(super) fn parse(url: &str) -> Result<Self, QueueError> {
        Self::parts(url).ok_or_else(|| {
            QueueError::Invalid(
                "invalid URL of a NATS server; use `nats://user:password@host:port/NAME`, or `tls://` and \
                 `?ca=FILE` for TLS; NAME has letters, digits, `-` and `_`"
                    .to_owned(),
            )
        })
    }

    fn parts(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_encrypted = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return None,
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority_file = match query {
            "" => None,
            query => Some(PathBuf::from(query.strip_prefix("ca=")?)),
        };
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        let name = if name.is_empty() { NAME_DEFAULT } else { name };
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if name.len() > 64 || !name.bytes().all(allowed) {
            return None;
        }
        let (account, host) = match authority.rsplit_once('@') {
            Some((account, host)) => (Some(account), host),
            None => (None, authority),
        };
        let credentials = match account {
            Some(account) => {
                let (user, password) = account.split_once(':')?;
                let decode = |text| percent_decode_str(text).decode_utf8().ok();
                Some((decode(user)?.into_owned(), decode(password)?.into_owned()))
            }
            None => None,
        };
        Some(Self {
            address: address(host)?,
            credentials,
            name: name.to_owned(),
            is_encrypted,
            authority_file,
        })
    }
}

/// Checks host and port, and adds the default port.
fn address(host: &str) -> Option<String> {
    let bare = |host: &str| {
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        match bracketed {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(is_host),
        }
    };
    if bare(host) {
        return Some(format!("{host}:{PORT_DEFAULT}"));
    }
    let (name, port) = host.rsplit_once(':')?;
    let valid = bare(name) && port.parse::<u16>().is_ok();
    valid.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_parts() {
        let url = NatsUrl::parse("nats://user:p%40ss@127.0.0.1:4333/jobs").unwrap();
        assert_eq!(
            (url.address.as_str(), url.name.as_str()),
            ("127.0.0.1:4333", "jobs")
        );
        assert_eq!(
            url.credentials,
            Some(("user".to_owned(), "p@ss".to_owned()))
        );
        assert!(!url.is_encrypted && url.authority_file.is_none());
        let url = NatsUrl::parse("tls://[::1]?ca=/etc/ca.pem").unwrap();
        assert_eq!(
            (url.address.as_str(), url.name.as_str()),
            ("[::1]:4222", "photos")
        );
        assert!(url.is_encrypted && url.credentials.is_none());
        assert_eq!(url.authority_file, Some("/etc/ca.pem".into()));
    }

    #[test]
    fn rejects_what_is_no_url_without_printing_it() {
        for bad in [
            "nats:",
            "nats://",
            "http://hunter2",
            "nats://hunter2@host",
            "nats://h/a.b",
            "nats://h/>",
            "nats://h:port",
            "nats://h:70000",
            "nats://h?x=1",
            "nats://u:hunter2@h h",
        ] {
            let error = NatsUrl::parse(bad).err().map(|error| error.to_string());
            let error = error.unwrap_or_else(|| panic!("{bad}"));
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(nats|tls)?(://)?[a-z0-9:@/?=%\\[\\].ü-]{0,40}") {
            let _ = NatsUrl::parse(&text);
        }
    }
}
