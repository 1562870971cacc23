//! Credentials for basic and bearer authentication.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

/// The largest secret. Servers accept smaller headers than this.
const SECRET_BYTES_MAX: usize = 16 * 1024;

/// A text that is never printed or stored, and wiped from memory when dropped.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    /// Omits the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An authentication scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthScheme {
    /// User name and password, `user:password` (RFC 7617).
    Basic,
    /// A token (RFC 6750).
    Bearer,
}

impl AuthScheme {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            AuthScheme::Basic => "basic",
            AuthScheme::Bearer => "bearer",
        }
    }
}

/// Credentials for the `authorization` header of every request for which the scenario sets none.
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
    /// Reads them from a file that contains only the secret. A final line break is ignored.
    ///
    /// # Errors
    /// If the file can't be read or is larger than 16 KiB, or as for [`Credentials::new`].
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
        if size > SECRET_BYTES_MAX as u64 {
            return Err(wrong(format!("it is {size} bytes long")));
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| wrong(error.to_string()))?);
        let text =
            std::str::from_utf8(&bytes).map_err(|_| wrong("it is not valid UTF-8".to_owned()))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Self::new(scheme, text, &from())
    }

    /// Creates them from a text. `from` names its source in errors.
    ///
    /// # Errors
    /// If the text is empty, too long, or malformed for the scheme.
    pub fn new(scheme: AuthScheme, text: &str, from: &str) -> Result<Self, CredentialsError> {
        let wrong = |reason: &str| CredentialsError {
            scheme,
            from: from.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.len() > SECRET_BYTES_MAX {
            return Err(wrong("it is too long for a header"));
        }
        match scheme {
            AuthScheme::Basic if text.chars().any(char::is_control) => {
                return Err(wrong("it contains a line break or a control character"));
            }
            AuthScheme::Basic if !text.contains(':') => return Err(wrong("it has no colon")),
            AuthScheme::Bearer if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err(wrong("it contains a blank or a non-ASCII character"));
            }
            AuthScheme::Basic | AuthScheme::Bearer => {}
        }
        Ok(Self {
            scheme,
            secret: Secret(Zeroizing::new(text.to_owned())),
        })
    }

    /// Their scheme.
    pub fn scheme(&self) -> AuthScheme {
        self.scheme
    }

    /// The secret, for a generator in another process.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        self.secret.0.clone()
    }

    /// The value of the `authorization` header, marked as sensitive. `None` if it is not valid.
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

/// The expected format, for errors.
fn wanted(scheme: AuthScheme) -> &'static str {
    match scheme {
        AuthScheme::Basic => "it must contain `user:password`",
        AuthScheme::Bearer => "it must contain only the token",
    }
}

/// A source of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsSource {
    /// A file that contains only the secret.
    File(AuthScheme, PathBuf),
    /// An environment variable, by its name.
    Environment(AuthScheme, &'static str),
}

impl CredentialsSource {
    /// Reads the credentials.
    ///
    /// # Errors
    /// If the source is missing, or as for [`Credentials::new`].
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
                        // The error's own message would reveal the value.
                        std::env::VarError::NotUnicode(_) => "it is not valid UTF-8".to_owned(),
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
        fn accepted_text_makes_a_header(
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
    fn headers_match_the_rfc_examples() {
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
    fn debug_and_errors_hide_the_secret() {
        let credentials = Credentials::new(AuthScheme::Bearer, "hunter2", "a test").unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
        assert!(!format!("{:?}", credentials.header()).contains("hunter2"));
        for text in ["hunter2\r\nhost: b", "hunter2 hunter2"] {
            let error = Credentials::new(AuthScheme::Bearer, text, "a test").unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn ignores_final_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "abc\r\n").unwrap();
        let read = Credentials::read(AuthScheme::Bearer, &path).unwrap();
        assert_eq!(read.header().unwrap(), "Bearer abc");
    }

    #[test]
    fn errors_name_file_and_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let message = || {
            let error = Credentials::read(AuthScheme::Basic, &path).unwrap_err();
            error
                .to_string()
                .replace(&path.display().to_string(), "FILE")
        };
        let missing = message();
        assert!(missing.contains("No such file"), "{missing}");
        std::fs::write(&path, "no colon").unwrap();
        assert_eq!(
            message(),
            "could not take basic credentials from FILE: it has no colon; it must contain \
             `user:password`"
        );
        std::fs::write(&path, "").unwrap();
        assert!(message().contains("it is empty"));
        std::fs::write(&path, vec![b'a'; SECRET_BYTES_MAX + 1]).unwrap();
        assert!(message().contains("it is 16385 bytes long"));
    }
}
