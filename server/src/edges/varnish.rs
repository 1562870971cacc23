//! Varnish as an edge, with the purges of its settings in the lab.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Method};
use reqwest::{Client, Url};

use super::Edge;
use crate::store::StoreError;
use crate::tls_provider;

/// Header with the key of purges.
const KEY: HeaderName = HeaderName::from_static("edge-key");
/// Header with the keys of changed responses.
const CHANGED: HeaderName = HeaderName::from_static("purge-changed");
/// Header with the keys of responses that are gone.
const GONE: HeaderName = HeaderName::from_static("purge-gone");
/// Timeout of a purge.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Varnish.
pub(super) struct Varnish {
    client: Client,
    url: Url,
    key: HeaderValue,
}

impl fmt::Debug for Varnish {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Varnish({})", self.url)
    }
}

impl Varnish {
    /// Prepares purges.
    ///
    /// # Errors
    /// `Invalid` if the URL or the key is invalid.
    pub(super) fn new(url: &str, key: &str) -> Result<Self, StoreError> {
        let invalid = |what: &str| StoreError::Invalid(what.to_owned());
        let url = Url::parse(url).ok();
        let url = url.filter(|url| {
            let is_plain = url.path() == "/" && url.query().is_none() && url.username().is_empty();
            url.scheme() == "http" && is_plain && url.has_host()
        });
        let is_visible = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let mut key = HeaderValue::from_str(key)
            .ok()
            .filter(|_| is_visible)
            .ok_or_else(|| invalid("the key of the edges must be visible ASCII characters"))?;
        key.set_sensitive(true);
        tls_provider::install();
        let client = Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            url: url.ok_or_else(|| invalid("invalid URL of an edge; use `http://host:port`"))?,
            key,
            client: client.map_err(|error| StoreError::Invalid(error.to_string()))?,
        })
    }
}

#[async_trait]
impl Edge for Varnish {
    async fn purge(&self, changed: &str, gone: &str) -> Result<(), StoreError> {
        let unavailable = |why: String| StoreError::Unavailable(why);
        let method =
            Method::from_bytes(b"PURGE").map_err(|error| unavailable(error.to_string()))?;
        let mut request = self.client.request(method, self.url.clone());
        request = request.header(KEY, self.key.clone());
        for (name, keys) in [(CHANGED, changed), (GONE, gone)] {
            if !keys.is_empty() {
                request = request.header(name, keys);
            }
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| unavailable(error.without_url().to_string()))?;
        match answer.status() {
            http::StatusCode::OK => Ok(()),
            status => Err(unavailable(format!("it answers with status {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_urls_and_keys() {
        for url in [
            "",
            "edge:1",
            "https://h:1",
            "http://h:1/x",
            "http://h:1?x",
            "http://u@h:1",
        ] {
            let error = Varnish::new(url, "key").unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{url}: {error}");
        }
        assert!(Varnish::new("http://h:1", "").is_err());
        let edge = Varnish::new("http://127.0.0.1:6081", "hunter2").unwrap();
        assert!(!format!("{edge:?}").contains("hunter2"));
    }
}
