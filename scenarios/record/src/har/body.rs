//! The body of a request in a HAR file.

use form_urlencoded::byte_serialize;
use serde::Deserialize;
use tenfold_secret::{MASK, is_secret_pair, mask_json, masked_pairs, may_hold_secret};

/// Body of a request in a HAR file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the data of a post")]
pub(super) struct PostData {
    mime_type: Option<String>,
    text: Option<String>,
    params: Option<Vec<Param>>,
    /// Encoding of the text, if the browser records it; `base64` for binary data.
    #[serde(alias = "_encoding")]
    encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Param {
    name: Option<String>,
    value: Option<String>,
}

/// A body after masking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// The request has no body.
    None,
    /// The body, with the names of masked secrets.
    Kept(String, Vec<String>),
    /// The body is longer than 1 MiB.
    TooLong,
    /// The body is not stored as text.
    NotText,
    /// The body may contain a secret and can't be parsed.
    Secret,
}

/// Maximum length of a body in bytes.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;

impl PostData {
    /// Returns the masked body.
    pub(super) fn body(self) -> Body {
        let mime_type = self.mime_type.unwrap_or_default().to_ascii_lowercase();
        let is_form = mime_type.starts_with("application/x-www-form-urlencoded");
        if self.encoding.is_some_and(|encoding| !encoding.is_empty()) {
            return Body::NotText;
        }
        let params = self.params.unwrap_or_default();
        let text = match self.text.filter(|text| !text.is_empty()) {
            Some(text) if text.len() > BODY_BYTES_MAX => return Body::TooLong,
            Some(text) if is_destroyed(&text, &mime_type) => return Body::NotText,
            Some(text) => text,
            None if params.is_empty() => return Body::None,
            None if is_form => return form(&params),
            // A multipart body: its boundary is unknown.
            None => return Body::NotText,
        };
        let mut found = Vec::new();
        if is_form {
            let masked = masked_pairs(&text, &mut found).into_owned();
            return Body::Kept(masked, found);
        }
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(mut value) => {
                mask_json(&mut value, &mut found);
                // Without a secret, the body is kept byte for byte.
                let text = if found.is_empty() {
                    text
                } else {
                    value.to_string()
                };
                Body::Kept(text, found)
            }
            Err(_) if may_hold_secret(&text) => Body::Secret,
            Err(_) => Body::Kept(text, found),
        }
    }
}

/// Types whose text is text. All others are binary, unless their name says otherwise.
const TEXT_TYPES: [&str; 10] = [
    "graphql",
    "html",
    "javascript",
    "json",
    "ndjson",
    "text/",
    "urlencoded",
    "xml",
    "yaml",
    "csv",
];

/// Returns whether a browser has destroyed a body by reading it as text: it has the mark for bytes that are not text,
/// a control character, or, in a binary type, any character beyond ASCII.
pub(super) fn is_destroyed(text: &str, mime_type: &str) -> bool {
    let is_text = mime_type.is_empty() || TEXT_TYPES.iter().any(|part| mime_type.contains(part));
    text.chars().any(|c| {
        c == char::REPLACEMENT_CHARACTER
            || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
            || (!is_text && !c.is_ascii())
    })
}

/// Encodes the fields of a form as a request body.
fn form(params: &[Param]) -> Body {
    let mut found = Vec::new();
    let mut text = String::new();
    for param in params {
        let name = param.name.as_deref().unwrap_or_default();
        let value = param.value.as_deref().unwrap_or_default();
        let value = if !value.is_empty() && is_secret_pair(name, value) {
            found.push(name.to_owned());
            MASK
        } else {
            value
        };
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(byte_serialize(name.as_bytes()));
        text.push('=');
        text.extend(byte_serialize(value.as_bytes()));
        if text.len() > BODY_BYTES_MAX {
            return Body::TooLong;
        }
    }
    Body::Kept(text, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: serde_json::Value) -> Body {
        serde_json::from_value::<PostData>(json).unwrap().body()
    }

    fn kept(text: &str, found: &[&str]) -> Body {
        Body::Kept(
            text.to_owned(),
            found.iter().map(|name| (*name).to_owned()).collect(),
        )
    }

    #[test]
    fn keeps_bodies_without_secrets_unchanged() {
        let text = "{ \"b\": 1.0, \"a\": \"x\" }";
        assert_eq!(
            body(serde_json::json!({ "mimeType": "application/json", "text": text })),
            kept(text, &[])
        );
        assert_eq!(
            body(serde_json::json!({ "mimeType": "text/plain", "text": "hello" })),
            kept("hello", &[])
        );
        assert_eq!(body(serde_json::json!({ "text": "" })), Body::None);
        assert_eq!(body(serde_json::json!({})), Body::None);
    }

    #[test]
    fn masks_secrets_in_bodies() {
        let login = r#"{"handle":"a","pass\u0077ord":"p"}"#;
        assert_eq!(
            body(serde_json::json!({ "text": login })),
            kept(r#"{"handle":"a","password":"***"}"#, &["password"])
        );
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        assert_eq!(
            body(serde_json::json!({ "mimeType": form, "text": "user=a&password=p" })),
            kept("user=a&password=***", &["password"])
        );
        let params = serde_json::json!([
            { "name": "a b", "value": "\u{e9}&" }, { "name": "pwd", "value": "p" }, { "name": "c" }
        ]);
        assert_eq!(
            body(serde_json::json!({ "mimeType": form, "params": params })),
            kept("a+b=%C3%A9%26&pwd=***&c=", &["pwd"])
        );
        assert_eq!(
            body(serde_json::json!({ "text": r#"{"pin":1234,"code":"US"}"# })),
            kept(r#"{"code":"US","pin":"***"}"#, &["pin"])
        );
        let exchange = "code=c&code_verifier=v&country_code=US";
        assert_eq!(
            body(serde_json::json!({ "mimeType": form, "text": exchange })),
            kept(
                "code=***&code_verifier=***&country_code=US",
                &["code", "code_verifier"]
            )
        );
        let params = serde_json::json!([{ "name": "code", "value": "c" }]);
        assert_eq!(
            body(serde_json::json!({ "mimeType": form, "params": params })),
            kept("code=***", &["code"])
        );
        let lines = "{\"pin\":1}\n{\"pin\":2}";
        assert_eq!(body(serde_json::json!({ "text": lines })), Body::Secret);
        let prose = "pass the pin";
        assert_eq!(body(serde_json::json!({ "text": prose })), kept(prose, &[]));
        let xml = "<login><password>p</password></login>";
        assert_eq!(body(serde_json::json!({ "text": xml })), Body::Secret);
    }

    #[test]
    fn leaves_out_long_and_binary_bodies() {
        let long = "x".repeat(BODY_BYTES_MAX + 1);
        assert_eq!(body(serde_json::json!({ "text": long })), Body::TooLong);
        let encoded = serde_json::json!({ "text": "AAEC", "encoding": "base64" });
        assert_eq!(body(encoded), Body::NotText);
        let parts = serde_json::json!({
            "mimeType": "multipart/form-data", "params": [{ "name": "a" }]
        });
        assert_eq!(body(parts), Body::NotText);
    }

    #[test]
    fn leaves_out_bodies_that_were_read_as_text() {
        for (mime_type, text) in [
            ("application/octet-stream", "\u{fffd}\0\u{fffd}"),
            ("application/json", "{\"a\":\"\u{fffd}\"}"),
            ("text/plain", "a\0b"),
            ("application/x-protobuf", "\n\u{e9}"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\n\r\n\u{89}PNG\r\n--x--",
            ),
        ] {
            let data = serde_json::json!({ "mimeType": mime_type, "text": text });
            assert_eq!(body(data), Body::NotText, "{mime_type}");
        }
        for (mime_type, text) in [
            ("application/octet-stream", "plain\r\n\ttext"),
            (
                "application/vnd.api+json; charset=utf-8",
                "{\"a\":\"\u{e9}\"}",
            ),
            ("text/csv", "a,\u{e9}\n"),
            ("", "\u{e9}"),
        ] {
            let data = serde_json::json!({ "mimeType": mime_type, "text": text });
            assert_eq!(body(data), kept(text, &[]), "{mime_type}");
        }
    }
}
