//! Entries of a HAR file.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::body::PostData;

/// One request and its response.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an entry")]
pub(super) struct Entry {
    pub(super) started_date_time: Option<Value>,
    pub(super) request: Option<Request>,
    pub(super) response: Option<Response>,
    pub(super) cache: Option<Value>,
    /// Written by Chrome: `disk`, `memory` or `prefetch`.
    #[serde(rename = "_fromCache")]
    pub(super) from_cache: Option<Value>,
    /// Written by Safari: `Network Load`, `Memory Cache`, `Disk Cache` or `Service Worker`.
    #[serde(rename = "_fetchType")]
    pub(super) fetch_type: Option<Value>,
    /// Written by Chrome.
    #[serde(rename = "_fetchedViaServiceWorker")]
    pub(super) via_service_worker: Option<Value>,
    /// Written by Chrome and Safari: `document`, `websocket`, `eventsource` ...
    #[serde(rename = "_resourceType")]
    pub(super) resource_type: Option<Value>,
    /// Written by Chrome and others for a WebSocket.
    #[serde(rename = "_webSocketMessages")]
    pub(super) web_socket_messages: Option<IgnoredAny>,
}

/// The request of an entry.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a request with method and url")]
pub(super) struct Request {
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    pub(super) headers: Option<Vec<Header>>,
    pub(super) post_data: Option<PostData>,
}

/// A header of a request.
#[derive(Deserialize)]
#[serde(expecting = "a header with name and value")]
pub(super) struct Header {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
}

/// The response of an entry.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a response")]
pub(super) struct Response {
    pub(super) status: Option<f64>,
    pub(super) body_size: Option<f64>,
    pub(super) content: Option<Content>,
    /// Bytes received over the network, written by Chrome and Safari; 0 from a cache.
    #[serde(rename = "_transferSize")]
    pub(super) transfer_size: Option<f64>,
    /// The same, as other tools write it.
    #[serde(rename = "transferSize")]
    pub(super) plain_transfer_size: Option<f64>,
    #[serde(rename = "_fromCache")]
    pub(super) from_cache: Option<Value>,
    #[serde(rename = "_fetchedViaServiceWorker")]
    pub(super) via_service_worker: Option<Value>,
}

/// The content of a response, whose text is skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "the content of a response")]
pub(super) struct Content {
    pub(super) mime_type: Option<Value>,
}

/// Splits an HTTP URL into its host, with the port if it is not the scheme's default, and its target.
pub(super) fn host_and_target(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let usual_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    // User name and password are secrets and not part of the host.
    let host = authority
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let host = host.strip_suffix(usual_port).unwrap_or(&host).to_owned();
    if host.is_empty() {
        return None;
    }
    // `http://host?query` requests `/?query`.
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some((host, format!("{slash}{target}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_urls() {
        let apart = host_and_target;
        let is = |host: &str, target: &str| Some((host.to_owned(), target.to_owned()));
        assert_eq!(apart("https://A.example/x?y#z"), is("a.example", "/x?y"));
        assert_eq!(apart("http://u:p@a.example:80"), is("a.example", "/"));
        assert_eq!(apart("http://a.example?y"), is("a.example", "/?y"));
        assert_eq!(apart("HTTP://a.example:8080/"), is("a.example:8080", "/"));
        assert_eq!(apart("https://[::1]:443/x"), is("[::1]", "/x"));
        for none in [
            "data:text/plain,x",
            "blob:https://a/b",
            "wss://a/",
            "http://",
            "x",
        ] {
            assert_eq!(apart(none), None, "{none}");
        }
    }
}
