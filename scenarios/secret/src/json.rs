//! JSON documents.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::name::{
    is_count, is_named_by_another, is_of_oauth, is_secret, is_secret_pair, names_another,
};
use super::{MASK, masked_text};

/// Name reported for a string that no field names.
const UNNAMED: &str = "text";

/// Masks the values in a JSON document that may be secrets, at any depth, and secrets within its
/// strings. Adds their names to `found`. Empty values, booleans and null are kept.
pub fn mask_json(value: &mut Value, found: &mut Vec<String>) {
    mask_field(UNNAMED, value, found);
}

/// Masks the value of a field, or the items of its list.
fn mask_field(name: &str, value: &mut Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let has_code = fields.keys().any(|name| is_of_oauth(name));
            let named = named_within(fields);
            for (name, value) in fields {
                let by_another = named.as_deref().filter(|named| {
                    is_named_by_another(name) && is_secret_field(named, value, false)
                });
                if is_secret_field(name, value, has_code) {
                    found.push(name.clone());
                    *value = MASK.into();
                } else if let Some(named) = by_another {
                    found.push(named.to_owned());
                    *value = MASK.into();
                } else {
                    mask_field(name, value, found);
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                mask_field(name, value, found);
            }
        }
        Value::String(text) => {
            if let Cow::Owned(masked) = masked_text(text) {
                found.push(name.to_owned());
                *text = masked;
            }
        }
        _ => {}
    }
}

/// Returns the name `password` from `{"name":"password","value":"x"}`.
fn named_within(fields: &Map<String, Value>) -> Option<String> {
    let names = fields.iter().filter(|(name, _)| names_another(name));
    let mut texts = names.filter_map(|(_, value)| value.as_str());
    texts.find(|text| is_secret(text, "")).map(str::to_owned)
}

fn is_secret_field(name: &str, value: &Value, has_code: bool) -> bool {
    let is_named = |text: &str| match has_code {
        true => is_secret_pair(name, text),
        false => is_secret(name, text),
    };
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty() && is_named(text),
        Value::Number(number) => !is_count(name) && is_named(&number.to_string()),
        Value::Array(values) => !values.is_empty() && is_named(""),
        Value::Object(fields) => !fields.is_empty() && is_named(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_documents() {
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
                "user": { "name": "a", "password": "***" }, "max_tokens": 7,
                "list": [{ "secret": "***" }]
            })
        );
    }

    #[test]
    fn masks_named_values_and_secrets_in_strings() {
        let mut value = serde_json::json!({
            "fields": [
                { "name": "password", "value": "SECJ1" },
                { "Value": "SECJ2", "Key": "api-key" },
                { "value": 1234, "type": "n", "field": "pin" },
                { "name": "remember_password", "value": true },
                { "name": "page", "value": "7" },
            ],
            "data": "{\"token\":\"SECJ3\",\"a\":1}",
            "url": ["/a?sid=SECJ4"], "note": "Bearer SECJ5", "count": 3,
        });
        let mut found = Vec::new();
        mask_json(&mut value, &mut found);
        assert_eq!(
            value,
            serde_json::json!({
                "fields": [
                    { "name": "password", "value": "***" },
                    { "Value": "***", "Key": "api-key" },
                    { "value": "***", "type": "n", "field": "pin" },
                    { "name": "remember_password", "value": true },
                    { "name": "page", "value": "7" },
                ],
                "data": "{\"token\":\"***\",\"a\":1}",
                "url": ["/a?sid=***"], "note": "Bearer ***", "count": 3,
            })
        );
        found.sort();
        assert_eq!(found, ["api-key", "data", "note", "password", "pin", "url"]);
        let mut value = Value::from("password=SECJ6");
        mask_json(&mut value, &mut found);
        assert_eq!(value, "password=***");
    }

    #[test]
    fn masks_whole_values_of_any_type() {
        let mut value = serde_json::json!({
            "pin": 1234, "tokens": ["a", "b"], "credentials": { "user": "u", "id": 1 },
            "session": {}, "password": null, "remember_password": true, "total_tokens": 9,
            "key": { "id": 1 }, "code": 404, "jwt": "j", "ssn": "1",
            "grant": { "grant_type": "authorization_code", "code": "c", "code_verifier": "v" },
        });
        let mut found = Vec::new();
        mask_json(&mut value, &mut found);
        assert_eq!(
            value,
            serde_json::json!({
                "pin": "***", "tokens": "***", "credentials": "***",
                "session": {}, "password": null, "remember_password": true, "total_tokens": 9,
                "key": { "id": 1 }, "code": 404, "jwt": "***", "ssn": "***",
                "grant": {
                    "grant_type": "authorization_code", "code": "***", "code_verifier": "***"
                },
            })
        );
        assert_eq!(found.len(), 7);
    }
}
