//! Values of answers as names and reasons quote them.

use std::borrow::Cow;

use serde_json::Value;

use super::name::{is_count, is_secret};
use super::{MASK, masked_text};

/// Bytes of a value that are looked at; a name or a reason quotes fewer by far.
const LOOKED_AT: usize = 4096;

/// Writes a value as JSON, with what may be a secret masked: the whole of it where it is the value
/// of a header, or stands at a JSON Pointer (RFC 6901), with a telling name.
///
/// What is longer than 4 KiB is cut off there.
pub fn masked_value(place: &str, value: &Value) -> String {
    let is_whole = match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => is_secret_place(place, &number.to_string()),
        Value::String(text) => !text.is_empty() && is_secret_place(place, text),
        Value::Array(values) => !values.is_empty() && is_secret_place(place, ""),
        Value::Object(fields) => !fields.is_empty() && is_secret_place(place, ""),
    };
    match value {
        _ if is_whole => MASK.to_owned(),
        Value::String(text) => Value::String(masked_text(cut(text)).into_owned()).to_string(),
        _ => masked_text(cut(&value.to_string())).into_owned(),
    }
}

/// Tells whether a value may be a secret by the header or the JSON Pointer that it stands at: what
/// is within a secret is one too.
pub fn is_secret_place(place: &str, value: &str) -> bool {
    // A header's name holds no `/`.
    let mut names = place.split('/').map(unescaped);
    let last = unescaped(place.rsplit('/').next().unwrap_or_default());
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    !(is_number && is_count(&last)) && names.any(|name| is_secret(&name, value))
}

/// Undoes the escapes of a JSON Pointer.
fn unescaped(name: &str) -> Cow<'_, str> {
    match name.contains('~') {
        true => name.replace("~1", "/").replace("~0", "~").into(),
        false => name.into(),
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_by_place_and_within() {
        for (place, value, written) in [
            ("x-api-key", json!("SECQ1"), "***"),
            ("/access_token", json!("SECQ2"), "***"),
            ("/pin", json!(1234), "***"),
            ("/tokens/0", json!("SECQ3"), "***"),
            ("/a~1password", json!("SECQ4"), "***"),
            ("/session", json!({ "id": "SECQ5" }), "***"),
            ("/key", json!("AIzaSyA1234567890abcdef"), "***"),
            (
                "/user",
                json!({ "a": 1, "password": "SECQ6" }),
                r#"{"a":1,"password":"***"}"#,
            ),
            (
                "",
                json!([{ "name": "token", "value": "SECQ7" }]),
                r#"[{"name":"token","value":"***"}]"#,
            ),
            (
                "location",
                json!("/a?token=SECQ8&b=1"),
                r#""/a?token=***&b=1""#,
            ),
            ("/token", json!(null), "null"),
            ("/has_token", json!(true), "true"),
            ("/token", json!(""), "\"\""),
            ("/max_tokens", json!(9), "9"),
            ("x-ratelimit-remaining-tokens", json!("9"), "\"9\""),
            ("/name", json!("ann"), "\"ann\""),
        ] {
            assert_eq!(masked_value(place, &value), written, "{place}");
        }
        let long = json!("\u{e9}".repeat(LOOKED_AT));
        assert!(masked_value("/name", &long).len() <= LOOKED_AT + 2);
    }
}
