//! Requests to a target's admin listener.

use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{HeaderMap, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::{AdminListener, ProbeError};

/// A response with status 200.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Creates a client for one admin listener. `timeout` covers connection and body.
pub(crate) fn client(listener: &AdminListener, timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // A proxy, or another host, would not report about the target. Other hosts are not allowed, either.
        .proxy(None)
        .max_redirects(0)
        .user_agent(concat!("tenfold/", env!("CARGO_PKG_VERSION")))
        .build();
    match listener.addresses() {
        None => config.into(),
        Some(addresses) => Agent::with_parts(
            config,
            DefaultConnector::default(),
            FixedResolver(addresses.to_vec()),
        ),
    }
}

/// Resolves every host to the same addresses.
#[derive(Debug)]
struct FixedResolver(Vec<SocketAddr>);

impl Resolver for FixedResolver {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        // The list has room for 16.
        for address in self.0.iter().take(16) {
            found.push(*address);
        }
        if found.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(found)
    }
}

/// Most bytes of a page.
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// Fetches a page as text.
///
/// # Errors
/// If there was no answer with status 200, with a reason that does not contain the URL: it may hold a password.
pub fn page(listener: &AdminListener, timeout: Duration) -> Result<String, String> {
    let client = client(listener, timeout);
    match get(&client, listener.url(), timeout, PAGE_BYTES_MAX) {
        Ok(answer) => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
        Err(ProbeError::Status { status, .. }) => Err(format!("it answers with status {status}")),
        Err(ProbeError::Timeout { .. }) => Err("it does not answer in time".to_owned()),
        Err(ProbeError::TooLong { .. }) => Err("its answer is too long".to_owned()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// Fetches a document of at most `limit` bytes.
pub(crate) fn get(
    client: &Agent,
    url: &str,
    timeout: Duration,
    limit: u64,
) -> Result<Response, ProbeError> {
    read(client.get(url).call(), url, timeout, limit)
}

/// Reads an answer of at most `limit` bytes.
pub(crate) fn read(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    url: &str,
    timeout: Duration,
    limit: u64,
) -> Result<Response, ProbeError> {
    let failed = |error| failure(url, timeout, limit, error);
    let mut response = answer.map_err(failed)?;
    let body = response.body_mut().with_config().limit(limit).read_to_vec();
    let status = response.status();
    if status != 200 {
        let body = String::from_utf8_lossy(body.as_deref().unwrap_or_default()).into_owned();
        return Err(ProbeError::Status {
            url: url.to_owned(),
            status: status.as_u16(),
            body: first_line(&body),
        });
    }
    let body = body.map_err(failed)?;
    let headers = response.into_parts().0.headers;
    Ok(Response { headers, body })
}

/// Appends `path` to the URL `base`, which may omit `http://`.
pub(crate) fn join(base: &str, path: &str) -> String {
    let base = base.trim().trim_end_matches('/');
    if base.contains("://") {
        format!("{base}{path}")
    } else {
        format!("http://{base}{path}")
    }
}

fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn failure(url: &str, timeout: Duration, limit: u64, error: ureq::Error) -> ProbeError {
    let url = url.to_owned();
    match error {
        ureq::Error::Timeout(_) => ProbeError::Timeout {
            url,
            after: timeout,
        },
        ureq::Error::BodyExceedsLimit(_) => ProbeError::TooLong { url, limit },
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => {
            ProbeError::Address {
                url,
                reason: error.to_string(),
            }
        }
        error if url.starts_with("https:") => ProbeError::Address {
            url,
            reason: format!("{error}; an admin listener must use plain http"),
        },
        error => ProbeError::Unreachable {
            url,
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_may_be_omitted() {
        assert_eq!(
            join("127.0.0.1:80", "/metrics"),
            "http://127.0.0.1:80/metrics"
        );
        assert_eq!(join("http://a:1/", "/x"), "http://a:1/x");
        assert_eq!(join(" https://a/admin/ ", "/x"), "https://a/admin/x");
    }
}
