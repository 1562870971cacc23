//! Values of headers as text.

use std::borrow::Cow;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Returns a header's value: its lines in order, joined by commas (RFC 9110, section 5.3). The lines of
/// `set-cookie`, which is no list, are joined by line feeds. `None` if the header is absent.
pub fn field_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).iter().map(line_text);
    let first = lines.next()?;
    let mut rest = lines.peekable();
    if rest.peek().is_none() {
        return Some(first);
    }
    let separator = if *name == SET_COOKIE { "\n" } else { ", " };
    let joined = rest.fold(first.into_owned(), |mut joined, line| {
        joined.push_str(separator);
        joined.push_str(&line);
        joined
    });
    Some(joined.into())
}

/// Returns a line of a header as text: UTF-8, otherwise ISO 8859-1, as RFC 9110, section 5.5, describes
/// historical values.
pub fn line_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_lines_of_repeated_headers() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("vary", &b"Accept-Encoding"[..]),
            ("vary", b"Origin"),
            ("set-cookie", b"a=1; Expires=Sat, 28 Nov 2026 20:00:00 GMT"),
            ("set-cookie", b"b=2"),
            ("x-latin", b"caf\xe9"),
            ("x-utf", "café".as_bytes()),
        ] {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        let value = |name: &'static str| field_value(&headers, &HeaderName::from_static(name));
        assert_eq!(value("vary").as_deref(), Some("Accept-Encoding, Origin"));
        assert_eq!(
            value("set-cookie").as_deref(),
            Some("a=1; Expires=Sat, 28 Nov 2026 20:00:00 GMT\nb=2")
        );
        assert_eq!(value("x-latin").as_deref(), Some("café"));
        assert_eq!(value("x-utf").as_deref(), Some("café"));
        assert_eq!(value("x-none"), None);
    }
}
