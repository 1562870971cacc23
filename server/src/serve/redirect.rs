//! Redirection from plain HTTP to TLS.

use std::net::Ipv6Addr;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};

use crate::problem::Problem;

/// Default port of `https`.
const HTTPS_PORT: u16 = 443;

/// Redirects every request to the same URL over TLS, on `port`. Status 308 preserves the method, so that
/// clients do not turn writes into reads.
pub(super) fn router(port: u16) -> Router {
    Router::new().fallback(
        async move |request: Request| match location(&request, port) {
            Some(location) => {
                (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response()
            }
            None => rejection(),
        },
    )
}

fn rejection() -> Response {
    Problem::bad_request("cannot redirect to TLS without exactly one valid `Host` header")
        .into_response()
}

/// Returns the URL to redirect to. `None` if the request has no single valid host.
fn location(request: &Request, port: u16) -> Option<HeaderValue> {
    let uri = request.uri();
    // An absolute URL takes precedence over `Host` (RFC 9112, 3.2.2).
    let host = match uri.authority() {
        Some(authority) => host(authority.as_str())?,
        None => {
            let mut hosts = request.headers().get_all(HOST).iter();
            let (Some(only), None) = (hosts.next(), hosts.next()) else {
                return None;
            };
            host(only.to_str().ok()?)?
        }
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // `*` would become part of the host.
    if !path.starts_with('/') {
        return None;
    }
    let url = if port == HTTPS_PORT {
        format!("https://{host}{path}")
    } else {
        format!("https://{host}:{port}{path}")
    };
    HeaderValue::try_from(url).ok()
}

/// Returns the host of a `Host` header without its port: a name or an address, without characters that
/// could make a URL point to another host.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host)?;
    let has_port = port.is_empty() || authority.port_u16().is_some();
    let is_name = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    (has_port && (is_name || is_address)).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use proptest::prelude::*;

    use super::*;

    fn request(target: &str, host: Option<&str>) -> Request {
        let mut request = Request::builder().uri(target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.body(Body::empty()).unwrap()
    }

    fn redirected(target: &str, host: Option<&str>, port: u16) -> Option<String> {
        location(&request(target, host), port).map(|location| location.to_str().unwrap().to_owned())
    }

    #[test]
    fn redirects_to_same_url() {
        for (target, host, port, expected) in [
            ("/", "example.org", 443, "https://example.org/"),
            (
                "/a/b?c=d&e",
                "example.org:80",
                443,
                "https://example.org/a/b?c=d&e",
            ),
            ("/a", "127.0.0.1:8080", 8443, "https://127.0.0.1:8443/a"),
            ("/a", "[::1]:80", 8443, "https://[::1]:8443/a"),
            // A host in the path stays in the path.
            (
                "//evil.example/",
                "a.example",
                443,
                "https://a.example//evil.example/",
            ),
            (
                "http://b.example/x",
                "a.example",
                443,
                "https://b.example/x",
            ),
        ] {
            assert_eq!(
                redirected(target, Some(host), port).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn rejects_invalid_hosts() {
        for host in [
            "",
            " ",
            ":80",
            "a b",
            "a/b",
            "a\\b",
            "a?b",
            "a#b",
            "good.example@evil.example",
            "user:pass@a.example",
            "a.example:port",
            "a.example:99999",
            "a.example:",
            "[::1",
            "[nonsense]",
            "a%2fb",
            "a,b",
            "a.example:80:80",
        ] {
            assert_eq!(redirected("/", Some(host), 443), None, "{host:?}");
        }
        assert_eq!(redirected("/", None, 443), None);
        assert_eq!(redirected("*", Some("a.example"), 443), None);
        let mut twice = request("/", Some("a.example"));
        twice
            .headers_mut()
            .append(HOST, HeaderValue::from_static("b.example"));
        assert_eq!(location(&twice, 443), None);
    }

    proptest! {
        #[test]
        fn never_redirects_to_other_host(name in "\\PC{0,20}", path in "/[!-~&&[^#]]{0,20}") {
            let Ok(value) = HeaderValue::try_from(name.as_str()) else { return Ok(()) };
            let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
            let mut request = request("/", None);
            *request.uri_mut() = uri;
            request.headers_mut().insert(HOST, value);
            if let Some(location) = location(&request, 443) {
                let location: http::Uri = location.to_str().unwrap().parse().unwrap();
                prop_assert_eq!(location.scheme_str(), Some("https"));
                let host = location.host().unwrap().to_owned();
                prop_assert!(name == host || name.starts_with(&format!("{host}:")), "{} {}", name, host);
            }
        }
    }
}
