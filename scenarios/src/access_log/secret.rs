//! What may be a secret, and what stands in its place.

use std::borrow::Cow;

/// What stands in place of a secret.
pub(super) const MASK: &str = "MASKED";

/// Whatever has one of these in its name, apart from case, `-`, `_` and `.`.
const WITHIN: [&str; 19] = [
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "session",
    "sessid",
    "signature",
    "token",
    "xsrf",
];

/// Names that are too short to be looked for within others.
const WHOLE: [&str; 7] = ["auth", "otp", "pass", "pin", "sas", "sid", "sig"];

/// A `key` at least this long opens something rather than names it.
const LONG_KEY: usize = 20;

/// Tells whether what has this name and value may be a secret. Rather one too many: what is masked
/// in vain is put back by hand, what is stored in vain is not.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let name = plain(name);
    WITHIN.iter().any(|part| name.contains(part))
        || WHOLE.contains(&name.as_str())
        || (name == "key" && value.len() >= LONG_KEY)
}

/// Tells whether a text that can't be taken apart may hold a secret.
pub(super) fn may_hold_secret(text: &str) -> bool {
    let text = plain(text);
    WITHIN.iter().any(|part| text.contains(part))
}

/// Masks the values of a query or a form, `a=1&token=x`, that may be secrets; adds their names to
/// `found`.
pub(super) fn masked_pairs<'a>(pairs: &'a str, found: &mut Vec<String>) -> Cow<'a, str> {
    let is_masked = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = decoded(name);
        (!value.is_empty() && is_secret(&name, value)).then_some(name)
    };
    if !pairs.split('&').any(|pair| is_masked(pair).is_some()) {
        return Cow::Borrowed(pairs);
    }
    let pairs: Vec<Cow<'_, str>> = pairs
        .split('&')
        .map(|pair| match (is_masked(pair), pair.split_once('=')) {
            (Some(name), Some((written, _))) => {
                found.push(name);
                format!("{written}={MASK}").into()
            }
            _ => pair.into(),
        })
        .collect();
    pairs.join("&").into()
}

/// Masks the strings of a JSON document that may be secrets, at any depth; adds their names to
/// `found`.
pub(super) fn mask_json(value: &mut serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(text) if is_secret(name, text) => {
                        if !text.is_empty() {
                            found.push(name.clone());
                            *text = MASK.to_owned();
                        }
                    }
                    _ => mask_json(value, found),
                }
            }
        }
        serde_json::Value::Array(values) => {
            for value in values {
                mask_json(value, found);
            }
        }
        _ => {}
    }
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Undoes the percent-encoding of a name, so that it does not hide what it is.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| {
            after
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets_by_name() {
        for name in [
            "Authorization",
            "x-api-key",
            "apiKey",
            "access_token",
            "X-CSRF-Token",
            "PHPSESSID",
            "Set-Cookie",
            "user[password]",
            "X-Amz-Signature",
            "sig",
        ] {
            assert!(is_secret(name, "v"), "{name}");
        }
        for name in [
            "page",
            "q",
            "signal",
            "passage",
            "key",
            "author",
            "content-type",
        ] {
            assert!(!is_secret(name, "v"), "{name}");
        }
        assert!(is_secret("key", "AIzaSyA1234567890abcdef"));
    }

    #[test]
    fn masks_pairs_and_documents() {
        let mut found = Vec::new();
        assert_eq!(
            masked_pairs("a=1&access%5Ftoken=x%20y&b&token=", &mut found),
            "a=1&access%5Ftoken=MASKED&b&token="
        );
        assert_eq!(found, ["access_token"]);
        assert!(matches!(
            masked_pairs("a=1&b=2", &mut found),
            Cow::Borrowed(_)
        ));
        let mut value = serde_json::json!({
            "user": { "name": "a", "password": "p" }, "max_tokens": 7, "list": [{ "secret": "s" }]
        });
        let mut found = Vec::new();
        mask_json(&mut value, &mut found);
        found.sort();
        assert_eq!(found, ["password", "secret"]);
        assert_eq!(
            value,
            serde_json::json!({
                "user": { "name": "a", "password": "MASKED" }, "max_tokens": 7,
                "list": [{ "secret": "MASKED" }]
            })
        );
    }
}
