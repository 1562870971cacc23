//! The NATS server over which controller and agents speak, and the credentials for it.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions};
use zeroize::Zeroizing;

use crate::AgentsError;

/// Longest time for a connection, and for an answer unless a call says otherwise.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest pause before the next attempt to connect again.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(500);

/// Messages of a subscription that may wait. Every sender waits for an answer, so only heartbeats pile up.
const WAITING_MAX: usize = 8_192;

/// A NATS server, and the credentials for it.
#[derive(Clone)]
pub struct Broker {
    url: String,
    credentials: Option<PathBuf>,
    nkey: Option<PathBuf>,
    authority: Option<PathBuf>,
}

impl std::fmt::Debug for Broker {
    /// Omits the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("url", &self.plain_url())
            .finish_non_exhaustive()
    }
}

impl Broker {
    /// A server by its URL: `nats://HOST:PORT`, or `tls://HOST:PORT`, with `USER:PASSWORD@` before the host if it needs them.
    pub fn new(url: String) -> Self {
        Self {
            url,
            credentials: None,
            nkey: None,
            authority: None,
        }
    }

    /// Uses a credentials file (JWT and seed), as `nsc` writes it.
    #[must_use]
    pub fn with_credentials(mut self, file: Option<PathBuf>) -> Self {
        self.credentials = file;
        self
    }

    /// Uses the seed of a user nkey in a file.
    #[must_use]
    pub fn with_nkey(mut self, file: Option<PathBuf>) -> Self {
        self.nkey = file;
        self
    }

    /// Trusts the certificates in a PEM file, in place of the system's, and requires TLS.
    #[must_use]
    pub fn with_authority(mut self, file: Option<PathBuf>) -> Self {
        self.authority = file;
        self
    }

    /// The URL without user and password.
    pub(crate) fn plain_url(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("nats", &self.url));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{host}")
    }

    /// Connects. The connection is made again whenever it is lost.
    ///
    /// # Errors
    /// If a file can't be used, or the server can't be reached.
    pub(crate) async fn connect(&self, name: &str) -> Result<Client, AgentsError> {
        let mut options = ConnectOptions::new()
            .name(name)
            .connection_timeout(CALL_TIMEOUT)
            .request_timeout(Some(CALL_TIMEOUT))
            .ping_interval(Duration::from_secs(2))
            .subscription_capacity(WAITING_MAX)
            .reconnect_delay_callback(|attempts| {
                let exponent = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
                Duration::from_millis(1 << exponent).min(RECONNECT_PAUSE_MAX)
            })
            .max_reconnects(None);
        let unusable = |what: &str, file: &PathBuf, error: &dyn std::fmt::Display| {
            AgentsError::Setting(format!(
                "could not use the {what} {}: {error}",
                file.display()
            ))
        };
        if let Some(file) = &self.credentials {
            let text = std::fs::read_to_string(file).map(Zeroizing::new);
            let text = text.map_err(|error| unusable("credentials file", file, &error))?;
            let with = options.credentials(&text);
            options = with.map_err(|error| unusable("credentials file", file, &error))?;
        }
        if let Some(file) = &self.nkey {
            let text = std::fs::read_to_string(file).map(Zeroizing::new);
            let text = text.map_err(|error| unusable("nkey file", file, &error))?;
            let seed = text.trim();
            nkeys::KeyPair::from_seed(seed).map_err(|error| unusable("nkey file", file, &error))?;
            options = options.nkey(seed.to_owned());
        }
        if let Some(file) = &self.authority {
            // Found now, it is an error of a flag, not of the server.
            std::fs::metadata(file).map_err(|error| unusable("certificates", file, &error))?;
            options = options
                .add_root_certificates(file.clone())
                .require_tls(true);
        }
        // The first provider that is installed stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        options
            .connect(&self.url)
            .await
            .map_err(|error| AgentsError::Broker {
                url: self.plain_url(),
                reason: match error.kind() {
                    ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                        self.refusal()
                    }
                    _ => reason_of(&error),
                },
            })
    }

    /// Says which credentials the server refuses, and what may be wrong with them.
    fn refusal(&self) -> String {
        match (&self.credentials, &self.nkey) {
            (Some(file), _) => format!(
                "it refuses the credentials file {}; use one that has not expired, of an account that the server knows",
                file.display()
            ),
            (None, Some(file)) => format!(
                "it refuses the nkey in {}; add its public key to the users of the server",
                file.display()
            ),
            (None, None) if self.url.contains('@') => {
                "it refuses the user and the password of the URL".to_owned()
            }
            (None, None) => "it asks for credentials; give a credentials file or an nkey, or user and password in the URL".to_owned(),
        }
    }
}

/// Joins an error and its causes, each once.
fn reason_of(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = next.source();
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_url_has_no_password() {
        for (url, plain) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("tls://me:hunter2@broker:4222", "tls://broker:4222"),
            ("me:hun@ter2@broker", "nats://broker"),
        ] {
            let broker = Broker::new(url.to_owned());
            assert_eq!(broker.plain_url(), plain);
            assert!(!format!("{broker:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn names_files_that_can_not_be_used() {
        let broker = || Broker::new("nats://127.0.0.1:1".to_owned());
        let missing = Some(PathBuf::from("/nowhere/x"));
        for (broker, what) in [
            (
                broker().with_credentials(missing.clone()),
                "credentials file",
            ),
            (broker().with_nkey(missing.clone()), "nkey file"),
            (broker().with_authority(missing.clone()), "certificates"),
        ] {
            let error = broker.connect("a test").await.unwrap_err().to_string();
            assert!(
                error.contains(what) && error.contains("/nowhere/x"),
                "{error}"
            );
        }
        let error = broker().connect("a test").await.unwrap_err().to_string();
        assert!(
            error.starts_with("could not connect to NATS at nats://127.0.0.1:1: "),
            "{error}"
        );
    }
}
