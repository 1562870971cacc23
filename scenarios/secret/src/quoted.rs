//! Values of responses, as quoted in check names and failure reasons.

use std::borrow::Cow;

use serde_json::Value;

use super::name::{is_count, is_secret};
use super::{MASK, masked_text};

/// Maximum number of bytes of a value that are examined; names and reasons quote far fewer.
const EXAMINED_BYTES_MAX: usize = 4096;

/// Formats a value as JSON and masks secrets in it. Masks the whole value if its header name or its
/// JSON Pointer (RFC 6901) indicates a secret. Truncates values after 4 KiB.
pub fn masked_value(location: &str, value: &Value) -> String {
    let is_whole = match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => is_secret_location(location, &number.to_string()),
        Value::String(text) => !text.is_empty() && is_secret_location(location, text),
        Value::Array(values) => !values.is_empty() && is_secret_location(location, ""),
        Value::Object(fields) => !fields.is_empty() && is_secret_location(location, ""),
    };
    match value {
        _ if is_whole => MASK.to_owned(),
        Value::String(text) => Value::String(masked_text(cut(text)).into_owned()).to_string(),
        _ => masked_text(cut(&value.to_string())).into_owned(),
    }
}

/// Formats a value that is given as JSON, as [`masked_value`] does. A number keeps all of its digits.
pub fn masked_json_value(location: &str, json: &str) -> String {
    let is_number = json.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    match serde_json::from_str(json) {
        _ if is_number && is_secret_location(location, json) => MASK.to_owned(),
        _ if is_number => masked_text(cut(json)).into_owned(),
        Ok(value) => masked_value(location, &value),
        // It has a number that no number of the language can hold.
        Err(_) if is_secret_location(location, "") => MASK.to_owned(),
        Err(_) => masked_text(cut(json)).into_owned(),
    }
}

/// Returns whether the header name or JSON Pointer of a value indicates a secret. Values inside a
/// secret count too.
pub fn is_secret_location(location: &str, value: &str) -> bool {
    // Header names contain no `/`.
    let mut names = location.split('/').map(unescaped);
    let last = unescaped(location.rsplit('/').next().unwrap_or_default());
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    !(is_number && is_count(&last)) && names.any(|name| is_secret(&name, value))
}

/// Decodes the escapes of a JSON Pointer.
fn unescaped(name: &str) -> Cow<'_, str> {
    match name.contains('~') {
        true => name.replace("~1", "/").replace("~0", "~").into(),
        false => name.into(),
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(EXAMINED_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_by_location_and_within_values() {
        for (location, value, written) in [
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
            assert_eq!(masked_value(location, &value), written, "{location}");
            assert_eq!(
                masked_json_value(location, &value.to_string()),
                written,
                "{location}"
            );
        }
        for (location, json, written) in [
            (
                "/id",
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("/pin", "-1E400", "***"),
            (
                "/user",
                r#"{"a":1E400,"password":"SECQ9"}"#,
                r#"{"a":1E400,"password":"***"}"#,
            ),
            ("/session", r#"{"a":1E400}"#, "***"),
        ] {
            assert_eq!(masked_json_value(location, json), written);
        }
        let long = json!("\u{e9}".repeat(EXAMINED_BYTES_MAX));
        assert!(masked_value("/name", &long).len() <= EXAMINED_BYTES_MAX + 2);
    }
}
