//! What the target is told of who is sending: basic and bearer authentication.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

/// The largest secret: what a server takes as one header is less.
const MOST_BYTES: usize = 16 * 1024;

/// A text that is neither printed nor stored, and is wiped from memory when it is dropped.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    /// Leaves the text out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How somebody shows who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScheme {
    /// A user's name and password, `user:password` (RFC 7617).
    Basic,
    /// A token (RFC 6750).
    Bearer,
}

impl AuthScheme {
    /// The word for it in files.
    pub fn name(self) -> &'static str {
        match self {
            AuthScheme::Basic => "basic",
            AuthScheme::Bearer => "bearer",
        }
    }
}

/// Credentials that every request carries in its `authorization` header, unless the scenario gives
/// it one of its own.
#[derive(Debug, Clone)]
pub struct Credentials {
    scheme: AuthScheme,
    secret: Secret,
}

/// Credentials that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("could not take {} credentials from {from}: {reason}; {}", .scheme.name(), wanted(*.scheme))]
pub struct CredentialsError {
    scheme: AuthScheme,
    from: String,
    reason: String,
}

impl Credentials {
    /// Reads them from a file, which holds the secret alone; a line break at its end does not count.
    pub fn read(scheme: AuthScheme, path: &Path) -> Result<Self, CredentialsError> {
        let from = || path.display().to_string();
        let wrong = |reason: String| CredentialsError {
            scheme,
            from: from(),
            reason,
        };
        let size = std::fs::metadata(path)
            .map_err(|error| wrong(error.to_string()))?
            .len();
        if size > MOST_BYTES as u64 {
            return Err(wrong(format!("it holds {size} bytes")));
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| wrong(error.to_string()))?);
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Self::new(scheme, text, &from())
    }

    /// Takes them from a text; `from` says where it comes from, in words for an error.
    pub fn new(scheme: AuthScheme, text: &str, from: &str) -> Result<Self, CredentialsError> {
        let wrong = |reason: &str| CredentialsError {
            scheme,
            from: from.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.len() > MOST_BYTES {
            return Err(wrong("it is too long for a header"));
        }
        match scheme {
            AuthScheme::Basic if text.chars().any(char::is_control) => {
                return Err(wrong("it holds a line break or a control character"));
            }
            AuthScheme::Basic if !text.contains(':') => return Err(wrong("it has no colon")),
            AuthScheme::Bearer if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err(wrong("it holds a blank, or what is no ASCII"));
            }
            AuthScheme::Basic | AuthScheme::Bearer => {}
        }
        Ok(Self {
            scheme,
            secret: Secret(Zeroizing::new(text.to_owned())),
        })
    }

    /// Which kind they are.
    pub fn scheme(&self) -> AuthScheme {
        self.scheme
    }

    /// The value of the `authorization` header, marked so that nobody prints it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let text = match self.scheme {
            AuthScheme::Basic => {
                Zeroizing::new(format!("Basic {}", STANDARD.encode(self.secret.0.as_str())))
            }
            AuthScheme::Bearer => Zeroizing::new(format!("Bearer {}", self.secret.0.as_str())),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// What credentials look like.
fn wanted(scheme: AuthScheme) -> &'static str {
    match scheme {
        AuthScheme::Basic => "it must hold `user:password`",
        AuthScheme::Bearer => "it must hold the token alone",
    }
}

/// Where credentials are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsSource {
    /// A file that holds the secret alone.
    File(AuthScheme, PathBuf),
    /// An environment variable, by its name.
    Environment(AuthScheme, &'static str),
}

impl CredentialsSource {
    /// Takes the credentials from there.
    pub fn read(&self) -> Result<Credentials, CredentialsError> {
        match self {
            Self::File(scheme, path) => Credentials::read(*scheme, path),
            Self::Environment(scheme, name) => {
                let from = format!("the environment variable {name}");
                let text = std::env::var(name).map_err(|error| CredentialsError {
                    scheme: *scheme,
                    from: from.clone(),
                    reason: match error {
                        std::env::VarError::NotPresent => "it is not set".to_owned(),
                        // Its own message would show the value.
                        std::env::VarError::NotUnicode(_) => "it is no text".to_owned(),
                    },
                })?;
                Credentials::new(*scheme, &Zeroizing::new(text), &from)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_makes_a_header(
            text in "\\PC{0,40}|[a-z]{1,9}:[\\x00-\\x7f]{0,9}",
        ) {
            for scheme in [AuthScheme::Basic, AuthScheme::Bearer] {
                if let Ok(credentials) = Credentials::new(scheme, &text, "a test") {
                    prop_assert!(credentials.header().is_some());
                }
            }
        }
    }

    #[test]
    fn the_headers_are_those_of_the_standards() {
        // The examples of RFC 7617 and RFC 6750.
        let basic = Credentials::new(AuthScheme::Basic, "Aladdin:open sesame", "a test").unwrap();
        assert_eq!(
            basic.header().unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        let bearer = Credentials::new(AuthScheme::Bearer, "mF_9.B5f-4.1JqM", "a test").unwrap();
        assert_eq!(bearer.header().unwrap(), "Bearer mF_9.B5f-4.1JqM");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let credentials = Credentials::new(AuthScheme::Bearer, "hunter2", "a test").unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
        assert!(!format!("{:?}", credentials.header()).contains("hunter2"));
        for text in ["hunter2\r\nhost: b", "hunter2 hunter2"] {
            let error = Credentials::new(AuthScheme::Bearer, text, "a test").unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_file_may_end_with_a_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "abc\r\n").unwrap();
        let read = Credentials::read(AuthScheme::Bearer, &path).unwrap();
        assert_eq!(read.header().unwrap(), "Bearer abc");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let told = || {
            let error = Credentials::read(AuthScheme::Basic, &path).unwrap_err();
            error
                .to_string()
                .replace(&path.display().to_string(), "FILE")
        };
        let missing = told();
        assert!(missing.contains("No such file"), "{missing}");
        std::fs::write(&path, "no colon").unwrap();
        assert_eq!(
            told(),
            "could not take basic credentials from FILE: it has no colon; it must hold \
             `user:password`"
        );
        std::fs::write(&path, "").unwrap();
        assert!(told().contains("it is empty"));
        std::fs::write(&path, vec![b'a'; MOST_BYTES + 1]).unwrap();
        assert!(told().contains("it holds 16385 bytes"));
    }
}
