//! Address and account of a component.

use std::fmt;
use std::str::FromStr;

use crate::AdminListener;

/// Kind of a component, by the scheme of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentKind {
    /// MariaDB or MySQL: `mysql://`.
    Mysql,
    /// Redis or a program with its protocol: `redis://`, or `rediss://` for TLS.
    Redis,
    /// nginx with `stub_status`: `nginx+http://`.
    Nginx,
    /// HAProxy with its statistics page: `haproxy+http://`.
    Haproxy,
}

impl ComponentKind {
    /// Returns the feature of the program that can read it. `None` if every build can.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Self::Mysql => Some("mysql"),
            Self::Redis => Some("redis"),
            Self::Nginx | Self::Haproxy => None,
        }
    }

    fn is_built(self) -> bool {
        match self {
            Self::Mysql => cfg!(feature = "mysql"),
            Self::Redis => cfg!(feature = "redis"),
            Self::Nginx | Self::Haproxy => true,
        }
    }
}

/// Address and account of a component. Neither its debug output nor its text has the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ComponentUrl {
    kind: ComponentKind,
    /// The URL as its driver reads it, without the prefix of the kind.
    url: String,
    shown: String,
}

/// Reason why a text is no component. Its message has no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentUrlError {
    /// The scheme is not known.
    #[error(
        "the scheme is not known; use mysql://user@host:port, redis://host:port, rediss://host:port, \
         nginx+http://host:port/status or haproxy+http://host:port/"
    )]
    Scheme,
    /// There is no host.
    #[error("the URL has no host; write it like {0}")]
    NoHost(&'static str),
    /// This build can't read the component.
    #[error("tenfold was compiled without the `{0}` feature")]
    NotBuilt(&'static str),
}

/// Schemes, with the kind, the part that the driver does not know, and an example.
const SCHEMES: [(&str, ComponentKind, &str, &str); 5] = [
    (
        "mysql://",
        ComponentKind::Mysql,
        "",
        "mysql://user@host:3306",
    ),
    ("redis://", ComponentKind::Redis, "", "redis://host:6379"),
    ("rediss://", ComponentKind::Redis, "", "rediss://host:6379"),
    (
        "nginx+http://",
        ComponentKind::Nginx,
        "nginx+",
        "nginx+http://host/status",
    ),
    (
        "haproxy+http://",
        ComponentKind::Haproxy,
        "haproxy+",
        "haproxy+http://host:8404/",
    ),
];

impl ComponentUrl {
    /// Its kind.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// The URL for the driver, password included.
    #[cfg(any(test, feature = "mysql", feature = "redis"))]
    pub(crate) fn secret(&self) -> &str {
        &self.url
    }

    /// Returns the address of a page that is read over HTTP.
    pub fn listener(&self) -> AdminListener {
        AdminListener::from(self.url.as_str())
    }

    /// Host and port, without account and parameters.
    pub fn host(&self) -> &str {
        let (_, rest) = self.shown.split_once("://").unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = &rest[..end];
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host)
    }
}

impl FromStr for ComponentUrl {
    type Err = ComponentUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let known = SCHEMES
            .iter()
            .find(|(scheme, ..)| text.starts_with(scheme))
            .ok_or(ComponentUrlError::Scheme)?;
        let (scheme, kind, prefix, example) = *known;
        if !kind.is_built() {
            return Err(ComponentUrlError::NotBuilt(
                kind.feature().unwrap_or_default(),
            ));
        }
        let rest = &text[scheme.len()..];
        // A password may contain any character: everything up to the last @ is the account.
        let (account, place) = match rest.rsplit_once('@') {
            Some((account, place)) => (Some(account), place),
            None => (None, rest),
        };
        if place.is_empty() || place.starts_with(['/', ':', '?']) {
            return Err(ComponentUrlError::NoHost(example));
        }
        let user = account.map(|account| account.split_once(':').map_or(account, |(user, _)| user));
        let user = match user {
            None | Some("") => String::new(),
            Some(user) => format!("{user}@"),
        };
        // Parameters may hold secrets, too.
        let shown = place.split_once('?').map_or(place, |(shown, _)| shown);
        Ok(Self {
            kind,
            url: text[prefix.len()..].to_owned(),
            shown: format!("{scheme}{user}{shown}"),
        })
    }
}

impl fmt::Display for ComponentUrl {
    /// Writes the URL without password and parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ComponentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ComponentUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_no_password() {
        let url = |text: &str| text.parse::<ComponentUrl>().unwrap();
        let nginx = url("nginx+http://ada:s3cret@web:81/status?token=s3cret");
        assert_eq!(nginx.to_string(), "nginx+http://ada@web:81/status");
        assert_eq!(
            nginx.secret(),
            "http://ada:s3cret@web:81/status?token=s3cret"
        );
        assert_eq!(nginx.host(), "web:81");
        assert!(!format!("{nginx:?}").contains("s3cret"));
        assert_eq!(url("haproxy+http://h:8404/").kind(), ComponentKind::Haproxy);
    }

    #[test]
    fn refuses_unknown_schemes_and_missing_hosts() {
        let error = |text: &str| text.parse::<ComponentUrl>().unwrap_err().to_string();
        assert!(error("postgres://u:s3cret@h").contains("mysql://user@host:port"));
        assert!(error("nginx+http:///status").contains("no host"));
        for text in ["postgres://u:s3cret@h", "nginx+http://u:s3cret@"] {
            assert!(!error(text).contains("s3cret"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn password_is_never_shown(password in "[a-z@/?#:]{1,20}") {
            let password = format!("7{password}7");
            let text = format!("nginx+http://u:{password}@h:80/x");
            if let Ok(url) = text.parse::<ComponentUrl>() {
                prop_assert!(!url.to_string().contains(&password), "{}", url);
                prop_assert_eq!(url.host(), "h:80");
            }
        }
    }
}
