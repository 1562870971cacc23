//! Sends plain HTTP on to TLS.

use std::net::Ipv6Addr;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};

use crate::problem::Problem;

/// The port that a URL with `https` means where it names none.
const HTTPS_PORT: u16 = 443;

/// Answers every request with the same URL over TLS, on `port`. The method stays (308), so that a
/// client does not turn what it wrote into a read.
pub(super) fn router(port: u16) -> Router {
    Router::new().fallback(
        async move |request: Request| match location(&request, port) {
            Some(location) => {
                (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response()
            }
            None => refusal(),
        },
    )
}

fn refusal() -> Response {
    Problem::bad_request("plain HTTP is sent on to TLS, for which one valid `Host` is needed")
        .into_response()
}

/// The URL to go to; none where the request does not say, in valid form, for which host it is.
fn location(request: &Request, port: u16) -> Option<HeaderValue> {
    let uri = request.uri();
    // A request that names a whole URL means that, whatever its `Host` says (RFC 9112, 3.2.2).
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
    // `*` and the like would become part of the host.
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

/// The host of a `Host`, without its port: a name or an address, and nothing that would make a URL
/// lead elsewhere.
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

    fn led_to(target: &str, host: Option<&str>, port: u16) -> Option<String> {
        location(&request(target, host), port).map(|location| location.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_same_url_over_tls() {
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
            // What looks like a host in the path stays in the path.
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
            assert_eq!(led_to(target, Some(host), port).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
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
            assert_eq!(led_to("/", Some(host), 443), None, "{host:?}");
        }
        assert_eq!(led_to("/", None, 443), None);
        assert_eq!(led_to("*", Some("a.example"), 443), None);
        let mut twice = request("/", Some("a.example"));
        twice
            .headers_mut()
            .append(HOST, HeaderValue::from_static("b.example"));
        assert_eq!(location(&twice, 443), None);
    }

    proptest! {
        #[test]
        fn no_host_leads_elsewhere(name in "\\PC{0,20}", path in "/[!-~&&[^#]]{0,20}") {
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
