//! Headers of requests and responses.

use std::borrow::Cow;

use super::name::{is_count, is_secret};
use super::{MASK, masked_text};

/// Masks the value of a header: all of it if the header's name indicates a secret, otherwise only
/// secrets within it, such as those in the query of a `location`. Of cookies, the names and attributes are kept.
pub fn masked_header<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if let Some(cookies) = masked_cookies(name, value) {
        return Cow::Owned(cookies);
    }
    // `access-control-allow-credentials: true`, `x-ratelimit-remaining-tokens: 99`
    let tells_none = matches!(value.trim(), "" | "true" | "false")
        || (is_count(name) && value.bytes().all(|byte| byte.is_ascii_digit()));
    match is_secret(name, value) && !tells_none {
        true => Cow::Borrowed(MASK),
        false => masked_text(value),
    }
}

/// Attributes of a cookie (RFC 6265, section 5.2, and later ones), which hold no secret.
const COOKIE_ATTRIBUTES: [&str; 9] = [
    "domain",
    "expires",
    "httponly",
    "max-age",
    "partitioned",
    "path",
    "priority",
    "samesite",
    "secure",
];

/// Masks the values of cookies, so that one sees which cookies there are, and how long and where they apply. `None`
/// if the header is another, or has no name of a cookie.
fn masked_cookies(name: &str, value: &str) -> Option<String> {
    let is_set = name.eq_ignore_ascii_case("set-cookie");
    if !is_set && !name.eq_ignore_ascii_case("cookie") {
        return None;
    }
    let mut parts = Vec::new();
    for (at, part) in value.split(';').enumerate() {
        let part = part.trim();
        let (key, value) = part
            .split_once('=')
            .map_or((part, None), |(key, value)| (key, Some(value)));
        let is_attribute = is_set
            && at > 0
            && COOKIE_ATTRIBUTES.contains(&key.trim().to_ascii_lowercase().as_str());
        parts.push(match value {
            _ if is_attribute => masked_text(part),
            Some("") => Cow::Borrowed(part),
            Some(_) if !key.trim().is_empty() => Cow::Owned(format!("{key}={MASK}")),
            // A value without a name.
            _ if part.is_empty() => continue,
            _ => Cow::Borrowed(MASK),
        });
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_names_and_attributes_of_cookies() {
        for (name, value, masked) in [
            (
                "set-cookie",
                "sid=s3cret; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; SameSite=Lax",
                "sid=***; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; SameSite=Lax",
            ),
            (
                "Set-Cookie",
                "sid=a=s3cret; key=s3cret; s3cret",
                "sid=***; key=***; ***",
            ),
            ("set-cookie", "sid=; Max-Age=0", "sid=; Max-Age=0"),
            ("set-cookie", "path=s3cret; secure", "path=***; secure"),
            ("set-cookie", "=s3cret", "***"),
            ("cookie", "a=s3cret; path=s3cret", "a=***; path=***"),
            ("cookie", "s3cret", "***"),
        ] {
            assert_eq!(masked_header(name, value), masked, "{name}: {value}");
        }
    }

    #[test]
    fn masks_by_name_and_within() {
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "x-auth-user",
            "x-csrf",
            "X-XSRF-Token",
            "x-jwt",
            "x-amz-security-token",
            "x-hub-signature-256",
            "x-session",
            "x-otp",
        ] {
            assert_eq!(masked_header(name, "abc"), "***", "{name}");
        }
        for (name, value, masked) in [
            ("location", "/a?token=x&b=1", "/a?token=***&b=1"),
            (
                "referer",
                "https://u:p@a.example/",
                "https://***@a.example/",
            ),
            (
                "content-type",
                "text/html; charset=utf-8",
                "text/html; charset=utf-8",
            ),
            ("vary", "Cookie, Authorization", "Cookie, Authorization"),
            (
                "www-authenticate",
                "Bearer realm=\"a\"",
                "Bearer realm=\"a\"",
            ),
            ("access-control-allow-credentials", "true", "true"),
            ("x-ratelimit-remaining-tokens", "99", "99"),
            ("x-author", "ann", "ann"),
        ] {
            assert_eq!(masked_header(name, value), masked, "{name}");
        }
    }
}
