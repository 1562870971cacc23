//! Hides what is secret in what is kept of an answer.

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderName, HeaderValue};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Shorter values hide too little, and would be found in too many places.
const SHORTEST: usize = 4;

/// Headers whose values are always hidden.
const SECRET_HEADERS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE];

/// Words in the names of headers and of JSON values that are hidden.
const SECRET_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "credential",
    "session",
];

/// Hides what is secret: known values wherever they stand, and whatever has a telling name.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    /// Longest first, so that no part of one is left where another is hidden in it.
    secrets: Vec<String>,
}

impl Mask {
    /// Adds a value that is to be hidden wherever it stands.
    pub(crate) fn add(&mut self, secret: &str) {
        let mut put = |secret: &str| {
            if secret.len() >= SHORTEST && !self.secrets.iter().any(|known| known == secret) {
                self.secrets.push(secret.to_owned());
            }
        };
        put(secret);
        // JSON may write it another way.
        if let Ok(escaped) = serde_json::to_string(secret) {
            put(escaped.trim_matches('"'));
        }
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Adds the credentials that a request carried.
    pub(crate) fn add_sent(&mut self, headers: &[(HeaderName, HeaderValue)]) {
        for (name, value) in headers.iter().filter(|(name, _)| is_secret(name)) {
            let Ok(value) = value.to_str() else { continue };
            // A scheme and its token, or pairs of a cookie.
            for part in value.split([' ', ';', ',']) {
                self.add(part.split_once('=').map_or(part, |(_, value)| value));
                if name != COOKIE {
                    self.add(part);
                }
            }
        }
    }

    /// Returns the value of a header, hidden where it has to be.
    pub(crate) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        if is_secret(name) {
            return HIDDEN.to_owned();
        }
        self.text(&String::from_utf8_lossy(value.as_bytes()))
    }

    /// Returns a text with all secrets hidden.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut masked = hide_named(text);
        for secret in &self.secrets {
            if masked.contains(secret.as_str()) {
                masked = masked.replace(secret.as_str(), HIDDEN);
            }
        }
        masked
    }
}

fn is_secret(name: &HeaderName) -> bool {
    SECRET_HEADERS.contains(name) || has_secret_word(name.as_str())
}

fn has_secret_word(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Hides the texts of JSON that have a telling name, whether the JSON is whole or cut off.
fn hide_named(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('"') {
        let (before, quoted) = rest.split_at(open);
        hidden.push_str(before);
        let length = string_length(quoted);
        let (name, after) = quoted.split_at(length);
        hidden.push_str(name);
        rest = after;
        let value = after.trim_start().strip_prefix(':').map(str::trim_start);
        if let Some(value) = value.filter(|value| value.starts_with('"'))
            && has_secret_word(name)
        {
            hidden.push_str(&after[..after.len() - value.len()]);
            hidden.push_str("\"***\"");
            rest = &value[string_length(value)..];
        }
    }
    hidden.push_str(rest);
    hidden
}

/// The length of the JSON string that a text begins with, quotes included; all of the text where
/// the string does not end.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_hidden_by_value_by_name_and_by_header() {
        let mut mask = Mask::default();
        mask.add("abcdef");
        mask.add("a\"quoted");
        mask.add("no");
        let sent = [
            (AUTHORIZATION, HeaderValue::from_static("Bearer t0ken/x=")),
            (COOKIE, HeaderValue::from_static("theme=dark; sid=cafe1234")),
        ];
        mask.add_sent(&sent);
        let body = r#"{"echo":"abcdef","q":"a\"quoted","t":"Bearer t0ken/x=","c":"cafe1234","n":"no","Password" : "x\"y","left":1}"#;
        assert_eq!(
            mask.text(body),
            r#"{"echo":"***","q":"***","t":"*** ***","c":"***","n":"no","Password" : "***","left":1}"#
        );
        let header = |name: &'static str, value: &'static str| {
            mask.header(
                &HeaderName::from_static(name),
                &HeaderValue::from_static(value),
            )
        };
        assert_eq!(header("set-cookie", "a=b"), "***");
        assert_eq!(header("x-auth-token", "a"), "***");
        assert_eq!(header("location", "/users/abcdef"), "/users/***");
        assert_eq!(header("content-type", "text/html"), "text/html");
    }

    #[test]
    fn a_value_that_was_cut_off_is_hidden_too() {
        assert_eq!(hide_named(r#"{"token":"abc"#), r#"{"token":"***""#);
        assert_eq!(hide_named(r#"{"a":"\"#), r#"{"a":"\"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn no_secret_is_left_in_any_text(before in "\\PC{0,20}", secret in "[a-z0-9\"\\\\]{4,12}", after in "[\\PC\"]{0,20}") {
            let mut mask = Mask::default();
            mask.add(&secret);
            let masked = mask.text(&format!("{before}{secret}{after}"));
            prop_assert!(!masked.contains(&secret));
        }
    }
}
