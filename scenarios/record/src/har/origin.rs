//! Origin of a response: the server, or the browser itself.

use serde_json::Value;

use super::entry::{Entry, Response};

/// What answered a request, or why there is none to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Server,
    /// The server said that the browser's copy is still valid.
    Revalidated,
    /// A cache of the browser, or the browser without asking the server.
    Cache,
    ServiceWorker,
    /// A switch to another protocol, such as WebSocket.
    Upgrade,
    /// A stream of Server-Sent Events.
    EventStream,
}

const NOT_MODIFIED: f64 = 304.0;
const SWITCHING_PROTOCOLS: f64 = 101.0;

impl Origin {
    /// Finds the origin of an entry's response, whichever browser wrote it.
    pub(super) fn of(entry: &Entry) -> Self {
        let none = Response::default();
        let response = entry.response.as_ref().unwrap_or(&none);
        let fetch_type = lower_case(entry.fetch_type.as_ref());
        let resource_type = lower_case(entry.resource_type.as_ref());
        let header = |wanted: &str| {
            let headers = entry.request.iter().flat_map(|request| &request.headers);
            headers.flatten().find_map(|header| {
                let name = header.name.as_deref()?;
                let value = header.value.as_deref()?;
                name.eq_ignore_ascii_case(wanted)
                    .then(|| value.to_ascii_lowercase())
            })
        };
        let is_web_socket = |value: Option<String>| value.is_some_and(|value| value == "websocket");
        if response.status == Some(SWITCHING_PROTOCOLS)
            || resource_type == "websocket"
            || entry.web_socket_messages.is_some()
            || is_web_socket(header("upgrade"))
            // WebSocket over HTTP/2 (RFC 8441).
            || is_web_socket(header(":protocol"))
        {
            return Self::Upgrade;
        }
        let has_cache = [entry.from_cache.as_ref(), response.from_cache.as_ref()]
            .into_iter()
            .any(is_set);
        if has_cache || fetch_type.contains("cache") || is_unasked(entry, response) {
            return Self::Cache;
        }
        let worker = [
            entry.via_service_worker.as_ref(),
            response.via_service_worker.as_ref(),
        ];
        if worker.into_iter().any(is_set) || fetch_type.contains("service worker") {
            return Self::ServiceWorker;
        }
        let content = response.content.as_ref();
        let mime_type = lower_case(content.and_then(|content| content.mime_type.as_ref()));
        if resource_type == "eventsource"
            || mime_type.starts_with("text/event-stream")
            || header("accept").is_some_and(|accepted| accepted == "text/event-stream")
        {
            return Self::EventStream;
        }
        match response.status == Some(NOT_MODIFIED) {
            true => Self::Revalidated,
            false => Self::Server,
        }
    }
}

/// Returns whether a response was there without a byte over the network.
fn is_unasked(entry: &Entry, response: &Response) -> bool {
    let has_response = response.status.is_some_and(|status| status >= 100.0);
    match response.transfer_size.or(response.plain_transfer_size) {
        Some(size) if size >= 0.0 => return has_response && size == 0.0,
        _ => {}
    }
    // The state of the cache before the request. A body or a 304 shows that the server was asked all the same.
    let before = entry
        .cache
        .as_ref()
        .and_then(|cache| cache.get("beforeRequest"));
    let is_cached = before.is_some_and(|before| before.is_object());
    let has_body = response.body_size.is_some_and(|size| size > 0.0);
    is_cached && has_response && !has_body && response.status != Some(NOT_MODIFIED)
}

/// Returns whether a mark is there, and is neither `null`, `false` nor empty.
fn is_set(mark: Option<&Value>) -> bool {
    match mark {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

fn lower_case(value: Option<&Value>) -> String {
    let text = value.and_then(Value::as_str);
    text.unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn origin(entry: Value) -> Origin {
        Origin::of(&serde_json::from_value(entry).unwrap())
    }

    #[test]
    fn finds_caches_of_every_browser() {
        for entry in [
            json!({ "_fromCache": "disk" }),
            json!({ "_fromCache": true }),
            json!({ "response": { "_fromCache": true } }),
            json!({ "_fetchType": "Memory Cache" }),
            json!({ "_fetchType": "Disk Cache", "response": { "status": 200 } }),
            json!({ "response": { "status": 200, "_transferSize": 0 } }),
            json!({ "response": { "status": 200, "transferSize": 0 } }),
            json!({ "response": { "status": 304, "_transferSize": 0 } }),
            json!({ "response": { "status": 200, "bodySize": 0 }, "cache": { "beforeRequest": { "hitCount": 1 } } }),
            json!({ "response": { "status": 200 }, "cache": { "beforeRequest": {} } }),
        ] {
            assert_eq!(origin(entry.clone()), Origin::Cache, "{entry}");
        }
        for entry in [
            json!({ "_fetchedViaServiceWorker": true }),
            json!({ "_fetchType": "Service Worker" }),
        ] {
            assert_eq!(origin(entry.clone()), Origin::ServiceWorker, "{entry}");
        }
    }

    #[test]
    fn keeps_what_reached_the_server() {
        for entry in [
            json!({}),
            json!({ "_fromCache": null, "_fetchedViaServiceWorker": false }),
            json!({ "_fetchType": "Network Load", "response": { "status": 200, "_transferSize": 512 } }),
            json!({ "response": { "status": 200, "_transferSize": -1 }, "cache": {} }),
            // The request failed, but may have been sent.
            json!({ "response": { "status": 0, "_transferSize": 0 } }),
            json!({ "response": { "status": 200, "bodySize": 9 }, "cache": { "beforeRequest": {} } }),
            json!({ "response": { "status": 200 }, "cache": { "beforeRequest": null, "afterRequest": {} } }),
        ] {
            assert_eq!(origin(entry.clone()), Origin::Server, "{entry}");
        }
        for entry in [
            json!({ "response": { "status": 304 } }),
            json!({ "response": { "status": 304, "_transferSize": 120 }, "cache": { "beforeRequest": {} } }),
        ] {
            assert_eq!(origin(entry.clone()), Origin::Revalidated, "{entry}");
        }
    }

    #[test]
    fn finds_upgrades_and_event_streams() {
        let request =
            |name: &str, value: &str| json!({ "headers": [{ "name": name, "value": value }] });
        for entry in [
            json!({ "response": { "status": 101 } }),
            json!({ "_resourceType": "websocket" }),
            json!({ "_webSocketMessages": [] }),
            json!({ "request": request("Upgrade", "WebSocket"), "response": { "status": 400 } }),
            json!({ "request": request(":protocol", "websocket"), "response": { "status": 200 } }),
        ] {
            assert_eq!(origin(entry.clone()), Origin::Upgrade, "{entry}");
        }
        for entry in [
            json!({ "_resourceType": "eventsource" }),
            json!({ "response": { "content": { "mimeType": "text/event-stream; charset=utf-8" } } }),
            json!({ "request": request("accept", "text/event-stream") }),
        ] {
            assert_eq!(origin(entry.clone()), Origin::EventStream, "{entry}");
        }
        assert_eq!(
            origin(json!({ "request": request("upgrade", "h2c") })),
            Origin::Server
        );
    }
}
