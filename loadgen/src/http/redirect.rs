//! Redirects: the request that an answer leads to (RFC 9110, section 15.4).

use http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, PROXY_AUTHORIZATION, REFERER};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tenfold_secret::is_secret;
use url::Url;

/// The longest `Location` that is followed, in bytes.
const LOCATION_BYTES_MAX: usize = 64 * 1024;

/// The request that a redirect leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// Its method.
    pub(crate) method: Method,
    /// Its address, without a fragment, a user name or a password.
    pub(crate) url: Url,
    /// True if it has no body, although the redirected request may have had one.
    pub(crate) drops_body: bool,
}

/// Returns true if a client follows an answer with this status.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request that follows an answer to `method` from `at`. `None` if the answer has no `Location`.
///
/// After 303, and after 301 and 302 in answer to a POST, the next request is a GET without a body. 307 and
/// 308 keep method and body.
///
/// # Errors
/// If the location is not an HTTP address; the error is the reason.
pub(crate) fn next_request(
    status: u16,
    method: &Method,
    at: &Url,
    headers: &HeaderMap,
) -> Result<Option<Redirect>, String> {
    let Some(location) = headers.get(LOCATION) else {
        return Ok(None);
    };
    let text = text_of(location);
    if text.trim().is_empty() {
        return Err("its Location is empty".to_owned());
    }
    if text.len() > LOCATION_BYTES_MAX {
        return Err(format!(
            "its Location has more than {LOCATION_BYTES_MAX} bytes"
        ));
    }
    let mut url = at
        .join(&text)
        .map_err(|error| format!("its Location is not an address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "its Location leads to {}:, not to HTTP",
            url.scheme()
        ));
    }
    url.set_fragment(None);
    // Neither fails for an HTTP address.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    // `Url` takes some characters in a host that a request can't send.
    if url.authority().parse::<Authority>().is_err() {
        return Err(format!(
            "its Location has the host {:?}, which is not valid in HTTP",
            url.authority()
        ));
    }
    let becomes_get = match status {
        303 => *method != Method::HEAD && *method != Method::GET,
        301 | 302 => *method == Method::POST,
        _ => false,
    };
    Ok(Some(Redirect {
        method: match becomes_get {
            true => Method::GET,
            false => method.clone(),
        },
        url,
        drops_body: becomes_get,
    }))
}

/// A header value as text. Bytes beyond ASCII are percent-encoded, as the service meant them.
fn text_of(value: &HeaderValue) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.as_bytes() {
        match byte.is_ascii() {
            true => text.push(char::from(*byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Removes the headers that describe a body.
pub(crate) fn remove_content_headers(headers: &mut Vec<(HeaderName, HeaderValue)>) {
    headers.retain(|(name, _)| !name.as_str().starts_with("content-"));
}

/// Removes the headers that must not reach another origin: credentials, and where the request came from.
pub(crate) fn remove_private_headers(headers: &mut Vec<(HeaderName, HeaderValue)>) {
    const PRIVATE: [HeaderName; 6] = [
        AUTHORIZATION,
        PROXY_AUTHORIZATION,
        COOKIE,
        HOST,
        ORIGIN,
        REFERER,
    ];
    headers.retain(|(name, value)| {
        !PRIVATE.contains(name)
            && !is_secret(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))
    });
}

/// The value of a `host` header for an address.
pub(crate) fn host_of(url: &Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::from_str(&text).ok()
}

/// The path and query of an address.
pub(crate) fn path_of(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(status: u16, method: &Method, location: &str) -> Result<Option<Redirect>, String> {
        let at = Url::parse("http://a.test:8080/x/y?q=1").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            LOCATION,
            HeaderValue::from_bytes(location.as_bytes()).unwrap(),
        );
        next_request(status, method, &at, &headers)
    }

    fn url_after(location: &str) -> String {
        next(302, &Method::GET, location)
            .unwrap()
            .unwrap()
            .url
            .to_string()
    }

    #[test]
    fn methods_follow_the_table_of_rfc_9110() {
        let methods = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
        ];
        for (status, after) in [
            (301, ["GET", "HEAD", "GET", "PUT", "DELETE"]),
            (302, ["GET", "HEAD", "GET", "PUT", "DELETE"]),
            (303, ["GET", "HEAD", "GET", "GET", "GET"]),
            (307, ["GET", "HEAD", "POST", "PUT", "DELETE"]),
            (308, ["GET", "HEAD", "POST", "PUT", "DELETE"]),
        ] {
            for (method, after) in methods.iter().zip(after) {
                let redirect = next(status, method, "/z").unwrap().unwrap();
                assert_eq!(redirect.method.as_str(), after, "{status} after {method}");
                assert_eq!(redirect.drops_body, redirect.method != *method);
            }
        }
        for status in [200, 300, 304, 305, 306, 309, 400] {
            assert!(!is_redirect(status), "{status}");
        }
    }

    #[test]
    fn locations_are_resolved_against_the_address() {
        for (location, url) in [
            ("/z", "http://a.test:8080/z"),
            ("z", "http://a.test:8080/x/z"),
            ("../z?r#frag", "http://a.test:8080/z?r"),
            ("?r=2", "http://a.test:8080/x/y?r=2"),
            ("//b.test/z", "http://b.test/z"),
            ("https://b.test", "https://b.test/"),
            ("HTTP://B.test:80/", "http://b.test/"),
            ("http://ann:secret@b.test/", "http://b.test/"),
            ("/caf\u{e9}", "http://a.test:8080/caf%C3%A9"),
            ("#top", "http://a.test:8080/x/y?q=1"),
        ] {
            assert_eq!(url_after(location), url, "{location}");
        }
    }

    #[test]
    fn unusable_locations_are_named() {
        for (location, reason) in [
            ("", "its Location is empty"),
            ("ftp://b.test/", "leads to ftp:"),
            ("javascript:alert(1)", "leads to javascript:"),
            ("http://", "not an address"),
            ("http://a b/", "not an address"),
            ("http://a`/", "not valid in HTTP"),
            ("https://a{b}:81/", "not valid in HTTP"),
        ] {
            let error = next(302, &Method::GET, location).unwrap_err();
            assert!(error.contains(reason), "{location}: {error}");
        }
        let at = Url::parse("http://a.test/").unwrap();
        assert_eq!(
            next_request(302, &Method::GET, &at, &HeaderMap::new()),
            Ok(None)
        );
    }

    #[test]
    fn private_headers_are_removed() {
        let header = |name: &'static str, value: &'static str| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        let mut headers = vec![
            header("accept", "text/html"),
            header("authorization", "Bearer t0ken"),
            header("cookie", "sid=1"),
            header("x-api-key", "k3y-0123456789"),
            header("host", "a.test"),
            header("content-type", "text/plain"),
        ];
        remove_private_headers(&mut headers);
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["accept", "content-type"]);
        remove_content_headers(&mut headers);
        assert_eq!(headers.len(), 1);
    }

    proptest! {
        #[test]
        fn any_location_gives_a_sendable_path_or_a_reason(location in "[ -~\u{80}-\u{ff}]{0,60}") {
            if let Ok(Some(redirect)) = next(302, &Method::GET, &location) {
                let path = path_of(&redirect.url);
                prop_assert!(path.starts_with('/'));
                prop_assert!(path.bytes().all(|byte| byte > b' ' && byte < 0x7f), "{path}");
                prop_assert!(redirect.url.fragment().is_none());
                prop_assert!(host_of(&redirect.url).is_some());
            }
        }
    }
}
