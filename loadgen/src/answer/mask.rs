//! Masks secrets in the kept parts of an answer.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::COOKIE;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tenfold_secret::{MASK, is_secret, masked_header, masked_text};
use zeroize::Zeroizing;

/// The shortest value that is masked: shorter ones would match too often.
const SECRET_CHARS_MIN: usize = 4;

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Masks known values everywhere, and values whose name or format suggests a secret.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    /// Longest first, so that masking a shorter one leaves no part of a longer one.
    secrets: Vec<String>,
}

impl Mask {
    /// Adds a value to mask everywhere.
    pub(crate) fn add(&mut self, secret: &str) {
        let mut put = |secret: &str| {
            if secret.len() >= SECRET_CHARS_MIN && !self.secrets.iter().any(|known| known == secret)
            {
                self.secrets.push(secret.to_owned());
            }
        };
        put(secret);
        // JSON and queries encode it differently.
        if let Ok(escaped) = serde_json::to_string(secret) {
            put(escaped.trim_matches('"'));
        }
        let encoded = utf8_percent_encode(secret, RESERVED).to_string();
        put(&encoded);
        // Forms have a plus for a blank.
        put(&encoded.replace("%20", "+"));
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Adds the credentials in a request header, if the header contains any.
    pub(crate) fn add_sent(&mut self, name: &HeaderName, value: &HeaderValue) {
        let value = String::from_utf8_lossy(value.as_bytes());
        if !is_secret(name.as_str(), &value) {
            return;
        }
        // Either a scheme with a token, or the pairs of a cookie.
        for part in value.split([' ', ';', ',']) {
            self.add(part.split_once('=').map_or(part, |(_, value)| value));
            if name != COOKIE {
                self.add(part);
            }
        }
        if let Some((scheme, token)) = value.split_once(' ') {
            self.add(token);
            if scheme.eq_ignore_ascii_case("basic") {
                self.add_basic(token.trim());
            }
        }
    }

    /// Adds the password of basic authentication, alone and with the user name (RFC 7617).
    fn add_basic(&mut self, token: &str) {
        let Ok(decoded) = STANDARD.decode(token).map(Zeroizing::new) else {
            return;
        };
        let pair = Zeroizing::new(String::from_utf8_lossy(&decoded).into_owned());
        if let Some((_, password)) = pair.split_once(':') {
            self.add(&pair);
            self.add(password);
        }
    }

    /// Returns the masked value of a header.
    pub(crate) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let value = String::from_utf8_lossy(value.as_bytes());
        self.mask_known(masked_header(name.as_str(), &value))
            .into_owned()
    }

    /// Returns a text with all secrets masked.
    pub(crate) fn text(&self, text: &str) -> String {
        self.mask_known(masked_text(text)).into_owned()
    }

    fn mask_known<'a>(&self, mut text: Cow<'a, str>) -> Cow<'a, str> {
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK).into();
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks_by_value_name_and_header() {
        let mut mask = Mask::default();
        mask.add("abcdef");
        mask.add("a\"quoted");
        mask.add("no");
        let sent = [
            (AUTHORIZATION, HeaderValue::from_static("Bearer t0ken/x=")),
            (COOKIE, HeaderValue::from_static("theme=dark; sid=cafe1234")),
        ];
        sent.iter()
            .for_each(|(name, value)| mask.add_sent(name, value));
        let body = r#"{"echo":"abcdef","q":"a\"quoted","t":"t0ken/x=","u":"/?a=t0ken%2Fx%3D","c":"cafe1234","n":"no","Password" : "x\"y","pin":1234,"left":1}"#;
        assert_eq!(
            mask.text(body),
            r#"{"echo":"***","q":"***","t":"***","u":"/?a=***","c":"***","n":"no","Password" : "***","pin":"***","left":1}"#
        );
        let header = |name: &'static str, value: &'static str| {
            mask.header(
                &HeaderName::from_static(name),
                &HeaderValue::from_static(value),
            )
        };
        assert_eq!(header("set-cookie", "a=b; Path=/"), "a=***; Path=/");
        assert_eq!(header("x-auth-token", "a"), "***");
        assert_eq!(
            header("location", "/users/abcdef?sig=y"),
            "/users/***?sig=***"
        );
        assert_eq!(header("content-type", "text/html"), "text/html");
    }

    #[test]
    fn masks_every_form_of_basic_password() {
        let mut mask = Mask::default();
        // `ann:SEC:P1/x`
        let value = HeaderValue::from_static("Basic YW5uOlNFQzpQMS94");
        mask.add_sent(&AUTHORIZATION, &value);
        assert_eq!(
            mask.text("no SEC:P1/x, SEC%3AP1%2Fx, ann:SEC:P1/x, YW5uOlNFQzpQMS94 of ann"),
            "no ***, ***, ***, *** of ann"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn masks_secret_in_any_text(before in "\\PC{0,20}", secret in "[a-z0-9\"\\\\]{4,12}", after in "[\\PC\"]{0,20}") {
            let mut mask = Mask::default();
            mask.add(&secret);
            let masked = mask.text(&format!("{before}{secret}{after}"));
            prop_assert!(!masked.contains(&secret));
        }
    }
}
