//! Headers of requests and responses.

use std::borrow::Cow;

use super::name::{is_count, is_secret};
use super::{MASK, masked_text};

/// Masks the value of a header: all of it if the header's name indicates a secret, otherwise only
/// secrets within it, such as those in the query of a `location`.
pub fn masked_header<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    // `access-control-allow-credentials: true`, `x-ratelimit-remaining-tokens: 99`
    let tells_none = matches!(value.trim(), "" | "true" | "false")
        || (is_count(name) && value.bytes().all(|byte| byte.is_ascii_digit()));
    match is_secret(name, value) && !tells_none {
        true => Cow::Borrowed(MASK),
        false => masked_text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
