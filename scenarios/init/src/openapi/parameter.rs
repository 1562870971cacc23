//! Parameters of an operation: their values, and their text in paths, queries and headers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::document::Document;
use super::sample::{example, named_value, sample};

/// All characters but the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A parameter and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter<'a> {
    /// Name.
    pub(super) name: &'a str,
    /// Value. `None` if there is no valid one.
    pub(super) value: Option<Value>,
    /// True if the document names the value.
    pub(super) is_named: bool,
    /// True if requests need it.
    pub(super) is_required: bool,
    style: &'a str,
    explodes: bool,
    /// True if its value is sent as JSON.
    is_json: bool,
}

impl<'a> Parameter<'a> {
    /// Reads a parameter. `None` if it has no name.
    pub(super) fn read(document: &'a Document, parameter: &'a Value) -> Option<Self> {
        let name = parameter["name"].as_str()?;
        let content = parameter["content"].as_object();
        let media = content.and_then(|content| content.iter().next());
        let schema = match media {
            Some((_, media)) => &media["schema"],
            None => &parameter["schema"],
        };
        let named = example(document, parameter)
            .or_else(|| media.and_then(|(_, media)| example(document, media)))
            .or_else(|| named_value(document, document.resolve(schema)));
        let value = match named {
            Some(value) => Some(value.clone()),
            None => sample(document, schema, name).map(|sample| sample.value),
        };
        let place = parameter["in"].as_str().unwrap_or_default();
        let style = parameter["style"].as_str().unwrap_or(match place {
            "query" | "cookie" => "form",
            _ => "simple",
        });
        Some(Self {
            name,
            value,
            is_named: named.is_some(),
            is_required: parameter["required"] == true || place == "path",
            style,
            explodes: parameter["explode"].as_bool().unwrap_or(style == "form"),
            is_json: media.is_some(),
        })
    }

    /// Returns its text in a path, percent-encoded.
    pub(super) fn path_text(&self, value: &Value) -> String {
        let parts = self.parts(value);
        let joined = |separator: &str| {
            let parts: Vec<String> = parts.iter().map(Part::in_list).collect();
            parts.join(separator)
        };
        match (self.style, self.explodes) {
            ("label", true) => format!(".{}", joined(".")),
            ("label", false) => format!(".{}", joined(",")),
            ("matrix", _) => format!(";{}={}", encoded(self.name), joined(",")),
            _ => joined(","),
        }
    }

    /// Returns its pairs in a query, percent-encoded and joined by `&`. Empty if it has no value.
    pub(super) fn query_text(&self, value: &Value) -> String {
        let name = encoded(self.name);
        let parts = self.parts(value);
        let joined = |separator: &str| {
            let parts: Vec<String> = parts.iter().map(Part::in_list).collect();
            format!("{name}={}", parts.join(separator))
        };
        match (self.style, value) {
            ("deepObject", Value::Object(_)) => {
                let pair = |part: &Part| match &part.key {
                    Some(key) => format!("{name}%5B{key}%5D={}", part.text),
                    None => format!("{name}={}", part.text),
                };
                parts.iter().map(pair).collect::<Vec<_>>().join("&")
            }
            ("spaceDelimited", _) => joined("%20"),
            ("pipeDelimited", _) => joined("%7C"),
            _ if self.explodes && !self.is_json => {
                let pair = |part: &Part| match &part.key {
                    Some(key) => format!("{key}={}", part.text),
                    None => format!("{name}={}", part.text),
                };
                parts.iter().map(pair).collect::<Vec<_>>().join("&")
            }
            _ => joined(","),
        }
    }

    /// Returns its text in a header.
    pub(super) fn header_text(&self, value: &Value) -> String {
        match value {
            Value::Array(items) if !self.is_json => {
                items.iter().map(scalar).collect::<Vec<_>>().join(",")
            }
            other => scalar(other),
        }
    }

    fn parts(&self, value: &Value) -> Vec<Part> {
        let plain = |value: &Value| Part {
            key: None,
            text: encoded(&scalar(value)),
        };
        match value {
            Value::Array(items) if !self.is_json => items.iter().map(plain).collect(),
            Value::Object(map) if !self.is_json => {
                let entries = map.iter().map(|(key, value)| Part {
                    key: Some(encoded(key)),
                    text: encoded(&scalar(value)),
                });
                entries.collect()
            }
            other => vec![plain(other)],
        }
    }
}

/// One of the parts of a value, percent-encoded.
struct Part {
    /// Name of the property of an object.
    key: Option<String>,
    text: String,
}

impl Part {
    fn in_list(&self) -> String {
        match &self.key {
            Some(key) => format!("{key},{}", self.text),
            None => self.text.clone(),
        }
    }
}

/// Percent-encodes a text.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Returns the text of a scalar, or JSON.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(parameter: Value) -> String {
        let document = Document::parse(b"{\"openapi\":\"3.0.0\"}", "api", None).unwrap();
        let read = Parameter::read(&document, &parameter).unwrap();
        let value = read.value.clone().unwrap();
        match parameter["in"].as_str() {
            Some("path") => read.path_text(&value),
            Some("header") => read.header_text(&value),
            _ => read.query_text(&value),
        }
    }

    #[test]
    fn styles_follow_the_specification() {
        let list = json!([1, "a b"]);
        let object = json!({"r": 1, "g": 2});
        let of = |place: &str, style: &str, explode: bool, example: &Value| {
            texts(
                json!({"name": "c", "in": place, "style": style, "explode": explode, "example": example}),
            )
        };
        assert_eq!(of("query", "form", true, &list), "c=1&c=a%20b");
        assert_eq!(of("query", "form", false, &list), "c=1,a%20b");
        assert_eq!(of("query", "form", true, &object), "g=2&r=1");
        assert_eq!(of("query", "form", false, &object), "c=g,2,r,1");
        assert_eq!(
            of("query", "deepObject", true, &object),
            "c%5Bg%5D=2&c%5Br%5D=1"
        );
        assert_eq!(of("query", "pipeDelimited", false, &list), "c=1%7Ca%20b");
        assert_eq!(of("path", "simple", false, &list), "1,a%20b");
        assert_eq!(of("path", "label", false, &json!("x/y")), ".x%2Fy");
        assert_eq!(of("path", "matrix", false, &list), ";c=1,a%20b");
        assert_eq!(of("header", "simple", false, &list), "1,a b");
        let json_text = texts(
            json!({"name": "c", "in": "query", "content": {"application/json": {"example": {"a": 1}}}}),
        );
        assert_eq!(json_text, "c=%7B%22a%22%3A1%7D");
    }
}
