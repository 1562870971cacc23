//! Other origins that redirects lead to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use tokio::sync::OnceCell;
use url::Url;

use crate::LoadError;
use crate::connect::{ResolvedTarget, Target};
use crate::failure::Failure;
use crate::http::endpoint::Endpoint;

/// The most other origins of a run. Each has a TLS configuration and counts of its own.
const ORIGINS_MAX: usize = 64;

/// Other origins that redirects lead to. Each is resolved, judged and reached once.
#[derive(Debug)]
pub(crate) struct Origins {
    target: Target,
    /// Addresses that were judged before the run.
    cleared: Vec<IpAddr>,
    known: Mutex<HashMap<String, Arc<Origin>>>,
}

/// An origin. Empty until it is reached, so that a failure to reach it is not remembered; a refusal is.
type Origin = OnceCell<Result<Arc<Endpoint>, String>>;

/// Why an origin can't be used.
#[derive(Debug)]
pub(crate) struct OriginError {
    /// Its class.
    pub(crate) failure: Failure,
    /// The reason, for messages.
    pub(crate) reason: String,
}

impl Origins {
    /// Creates the origins of a run against `target`, whose endpoints are reached already.
    pub(crate) fn new(target: &Target, endpoints: &[Endpoint]) -> Self {
        let sockets = endpoints
            .iter()
            .flat_map(|endpoint| endpoint.target.sockets());
        Self {
            target: target.clone(),
            cleared: sockets.map(|socket| socket.ip()).collect(),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Origin>>> {
        // Changes are complete before the lock is released, even by a panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint of the origin of `url`. Resolves, judges and reaches it first if it is new.
    ///
    /// # Errors
    /// [`Failure::RedirectRefused`] if load may not be sent there, or the failure to reach it.
    pub(crate) async fn endpoint(&self, url: &Url) -> Result<Arc<Endpoint>, OriginError> {
        let name = url.origin().ascii_serialization();
        let origin = {
            let mut known = self.known();
            if !known.contains_key(&name) && known.len() >= ORIGINS_MAX {
                return Err(OriginError {
                    failure: Failure::RedirectRefused,
                    reason: format!("it leads to more than {ORIGINS_MAX} other origins"),
                });
            }
            Arc::clone(known.entry(name.clone()).or_default())
        };
        let endpoint = origin.get_or_try_init(|| self.reach(&name)).await?;
        endpoint.clone().map_err(|reason| OriginError {
            failure: Failure::RedirectRefused,
            reason,
        })
    }

    /// Resolves, judges and reaches an origin. The inner error is a refusal.
    async fn reach(&self, name: &str) -> Result<Result<Arc<Endpoint>, String>, OriginError> {
        let target = self.target.other_origin(name).map_err(as_connect)?;
        let resolving = target.clone();
        // The system's resolver blocks.
        let addresses = tokio::task::spawn_blocking(move || resolving.resolve())
            .await
            .map_err(|error| OriginError {
                failure: Failure::Connect,
                reason: error.to_string(),
            })?
            .map_err(as_connect)?;
        let judged = self
            .target
            .guard()
            .judge(target.host(), &addresses, &self.cleared);
        if let Err(reason) = judged {
            return Ok(Err(format!("it leads to {name}: {reason}")));
        }
        let endpoint = Endpoint::reach(&target.at(addresses))
            .await
            .map_err(as_connect)?;
        endpoint.reset();
        Ok(Ok(Arc::new(endpoint)))
    }

    /// The endpoints reached so far.
    pub(crate) fn reached(&self) -> Vec<Arc<Endpoint>> {
        let known = self.known();
        let reached = known.values().filter_map(|origin| origin.get());
        reached
            .filter_map(|origin| origin.as_ref().ok().map(Arc::clone))
            .collect()
    }
}

fn as_connect(error: LoadError) -> OriginError {
    OriginError {
        failure: match &error {
            LoadError::Disagreed { what: "TLS", .. } => Failure::Tls,
            LoadError::Disagreed { .. } => Failure::Malformed,
            _ => Failure::Connect,
        },
        reason: error.to_string(),
    }
}

impl ResolvedTarget {
    /// The IP addresses of the target, including those that are used only if others fail.
    fn sockets(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses
            .iter()
            .chain(&self.fallbacks)
            .filter_map(|address| address.socket())
    }

    /// Returns true if an address is that of the target, for which requests carry the `Host` header `host`.
    pub(crate) fn is_home(&self, url: &Url, host: &HeaderValue) -> bool {
        if url.scheme() != self.scheme.as_str() {
            return false;
        }
        let (name, port) = (
            url.host_str().unwrap_or_default(),
            url.port_or_known_default(),
        );
        let dialed = self.dialed.0.trim_matches(['[', ']']);
        if name.trim_matches(['[', ']']).eq_ignore_ascii_case(dialed) && port == Some(self.dialed.1)
        {
            return true;
        }
        let is_same = |authority: &[u8]| {
            let text = String::from_utf8_lossy(authority);
            let of = Url::parse(&format!("{}://{text}/", url.scheme()));
            of.is_ok_and(|of| of.origin() == url.origin())
        };
        is_same(self.authority.as_str().as_bytes()) || is_same(host.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::DialOptions;

    fn is_home(target: &str, option: Option<&str>, sent: &str, url: &str) -> bool {
        let options = DialOptions {
            host: option.map(str::to_owned),
            ..DialOptions::default()
        };
        let target: Target = target.parse::<Target>().unwrap().with(options).unwrap();
        let resolved = target.resolved(Vec::new()).unwrap();
        let sent = HeaderValue::from_str(sent).unwrap();
        resolved.is_home(&Url::parse(url).unwrap(), &sent)
    }

    #[test]
    fn origin_is_scheme_host_and_port() {
        let home = |url: &str| is_home("http://a.test:8080/api", None, "a.test:8080", url);
        assert!(home("http://A.test:8080/x"));
        assert!(!home("http://a.test/x"));
        assert!(!home("https://a.test:8080/x"));
        assert!(!home("http://b.test:8080/x"));
        assert!(is_home(
            "http://a.test",
            None,
            "a.test",
            "http://a.test:80/"
        ));
        assert!(is_home(
            "http://[::1]:81",
            None,
            "[::1]:81",
            "http://[::1]:81/"
        ));
    }

    #[test]
    fn names_that_requests_carry_are_the_target() {
        let target = "http://127.0.0.1:8080";
        let home = |url: &str| is_home(target, Some("shop.test"), "tenant.test", url);
        assert!(home("http://127.0.0.1:8080/"));
        assert!(home("http://shop.test/"));
        assert!(home("http://tenant.test/"));
        assert!(!home("http://tenant.test:8080/"));
        assert!(is_home(
            "unix:/run/a.sock",
            None,
            "localhost",
            "http://localhost/x"
        ));
    }
}
