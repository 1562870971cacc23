//! Values in JSON, as text.
//!
//! A number keeps all of its digits, which a number of the language would not. Nothing but the value is built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Byte order mark, which a parser may ignore (RFC 8259, section 8.1).
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Returns the value at a JSON Pointer (RFC 6901): the content of a string, any other value as it is
/// written, without blanks. `None` if the body is not JSON, or if the value is missing or `null`.
pub(crate) fn json_text(body: &[u8], pointer: &str) -> Option<String> {
    value_text(find(body, pointer).ok()??)
}

/// Returns the value at a JSON Pointer (RFC 6901), as it is written. `None` if it is missing.
///
/// # Errors
/// Fails if the body is not JSON.
pub fn json_value<'b>(body: &'b [u8], pointer: &str) -> Result<Option<&'b str>, serde_json::Error> {
    Ok(find(body, pointer)?.map(RawValue::get))
}

/// Finds the value at a pointer.
fn find<'b>(body: &'b [u8], pointer: &str) -> Result<Option<&'b RawValue>, serde_json::Error> {
    let tokens: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect();
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let mut document = serde_json::Deserializer::from_slice(body);
    let found = Seek(&tokens).deserialize(&mut document);
    match found.and_then(|found| document.end().map(|()| found)) {
        Ok(found) => Ok(found),
        // A pointer may lead into a number that no number of the language can hold: nothing is there.
        Err(_) => serde_json::from_slice::<IgnoredAny>(body).map(|_| None),
    }
}

/// Returns a value as text: the content of a string, any other value as it is written, without blanks.
/// `None` for `null`.
pub(crate) fn value_text(value: &RawValue) -> Option<String> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'{' | b'[' => Some(without_blanks(text)),
        _ if text == "null" => None,
        _ => Some(text.to_owned()),
    }
}

/// Removes the blanks and line ends outside of strings.
fn without_blanks(text: &str) -> String {
    let (mut is_in_string, mut is_escaped) = (false, false);
    let keep = |c: &char| {
        if is_in_string {
            is_in_string = is_escaped || *c != '"';
            is_escaped = !is_escaped && *c == '\\';
            return true;
        }
        is_in_string = *c == '"';
        !c.is_ascii_whitespace()
    };
    text.chars().filter(keep).collect()
}

/// Finds the value at the tokens of a pointer.
#[derive(Clone, Copy)]
struct Seek<'p>(&'p [String]);

/// Steps into an object or a list.
struct Step<'p> {
    token: &'p str,
    rest: &'p [String],
}

/// Compares the name of a member.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            [] => serde::Deserialize::deserialize(value).map(Some),
            [token, rest @ ..] => value.deserialize_any(Step { token, rest }),
        }
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_token) = map.next_key_seed(Is(self.token))? {
            if is_token {
                // Of members with the same name, the last one counts.
                found = map.next_value_seed(Seek(self.rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let is_index = self.token == "0" || !self.token.starts_with(['0', '+']);
        let index = self.token.parse::<usize>().ok().filter(|_| is_index);
        let mut found = None;
        for at in 0.. {
            if Some(at) == index {
                match list.next_element_seed(Seek(self.rest))? {
                    Some(value) => found = value,
                    None => break,
                }
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn found(pointer: &str) -> Option<String> {
        let body = r#"{"a": {"b/c": [1, {"d": "x\"y"}]}, "none": null, "yes": true, "é\n": 2,
            "big": 12345678901234567890123, "price": 19.990, "exponent": 1e400, "a~b": -0,
            "list": [ 1, { "k": "a b" } ], "twice": 1, "twice": 2}"#;
        json_text(body.as_bytes(), pointer)
    }

    #[test]
    fn finds_values_digit_for_digit() {
        for (pointer, expected) in [
            ("/a/b~1c/0", "1"),
            ("/a/b~1c/1/d", "x\"y"),
            ("/big", "12345678901234567890123"),
            ("/price", "19.990"),
            ("/exponent", "1e400"),
            ("/a~0b", "-0"),
            ("/yes", "true"),
            ("/é\n", "2"),
            ("/list", "[1,{\"k\":\"a b\"}]"),
            ("/twice", "2"),
        ] {
            assert_eq!(found(pointer).as_deref(), Some(expected), "{pointer}");
        }
        for missing in [
            "/none", "/x", "/a/b", "/list/2", "/list/01", "/list/-", "/yes/a", "/big/0",
        ] {
            assert_eq!(found(missing), None, "{missing}");
        }
        assert_eq!(json_text(b"\xef\xbb\xbf[7]", "/0").as_deref(), Some("7"));
        assert_eq!(json_text(b"7", "").as_deref(), Some("7"));
        assert_eq!(json_text(b"[1e400]", "/0/a"), None);
        assert_eq!(json_value(b"[1e400]", "/0/a").unwrap(), None);
        assert_eq!(json_value(b"[ null, 1E400 ]", "/0").unwrap(), Some("null"));
        for invalid in ["", "{", "[7] x", "[7", "{\"a\":1,}"] {
            assert!(json_value(invalid.as_bytes(), "/0").is_err(), "{invalid}");
            assert_eq!(json_text(invalid.as_bytes(), "/0"), None, "{invalid}");
        }
    }

    /// JSON documents with names that need escapes in a pointer.
    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a~/\"\\\\ é]{0,5}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a~/\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn pointers(value: &Value, prefix: &str, all: &mut Vec<String>) {
        all.push(prefix.to_owned());
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointers(item, &format!("{prefix}/{index}"), all);
                }
            }
            Value::Object(members) => {
                for (name, item) in members {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    pointers(item, &format!("{prefix}/{name}"), all);
                }
            }
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn finds_what_a_whole_document_has(document in documents(), is_pretty: bool) {
            let body = match is_pretty {
                true => serde_json::to_string_pretty(&document).unwrap(),
                false => document.to_string(),
            };
            let mut all = vec!["/none".to_owned()];
            pointers(&document, "", &mut all);
            for pointer in all {
                let expected = match document.pointer(&pointer) {
                    None | Some(Value::Null) => None,
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(other) => Some(other.to_string()),
                };
                prop_assert_eq!(json_text(body.as_bytes(), &pointer), expected, "{}", pointer);
            }
        }

        #[test]
        fn reads_or_rejects_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = json_text(&bytes, "/a/0");
        }
    }
}
