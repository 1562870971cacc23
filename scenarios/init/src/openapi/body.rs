//! Bodies of requests, as JSON, forms, multipart or text.

use serde_json::Value;

use super::document::Document;
use super::operation::Operation;
use super::parameter::{encoded, scalar};
use super::sample::{Sample, example, kind, sample};

/// Maximum size of a body in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Boundary of multipart bodies.
const BOUNDARY: &str = "tenfold-boundary";

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// Value of `content-type`.
    pub(super) content_type: String,
    /// The body.
    pub(super) text: String,
    /// Names of its parts that are made up.
    pub(super) made_up: Vec<String>,
}

/// Forms of a body, the preferred first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Json,
    UrlEncoded,
    Multipart,
    Text,
    Binary,
    /// Sent only if the document has an example.
    Other,
}

impl Form {
    fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Self::UrlEncoded,
            "multipart/form-data" => Self::Multipart,
            "application/octet-stream" => Self::Binary,
            "*/*" | "application/*" => Self::Json,
            json if json.ends_with("/json") || json.ends_with("+json") => Self::Json,
            text if text.starts_with("text/plain") || text == "text/*" => Self::Text,
            _ => Self::Other,
        }
    }
}

/// Returns the body of an operation. `Ok(None)` if it has none.
///
/// # Errors
/// Returns why a required body can't be made.
pub(super) fn body(
    document: &Document,
    operation: &Operation<'_>,
) -> Result<Option<Body>, &'static str> {
    let request_body = document.resolve(&operation.value["requestBody"]);
    let Some(content) = request_body["content"]
        .as_object()
        .filter(|map| !map.is_empty())
    else {
        return Ok(None);
    };
    let mut media_types: Vec<(Form, &String, &Value)> = content
        .iter()
        .map(|(name, media)| (Form::of(name), name, document.resolve(media)))
        .collect();
    media_types.sort_by_key(|(form, ..)| *form);
    let made = media_types
        .iter()
        .find_map(|(form, name, media)| make(document, *form, name, media));
    match made {
        Some(body) if body.text.len() > BODY_BYTES_MAX => {
            Err("with a body of more than 16 KiB; add them by hand")
        }
        Some(body) => Ok(Some(body)),
        None if request_body["required"] == true => {
            Err("with a body of which no value could be made; add them by hand")
        }
        None => Ok(None),
    }
}

fn make(document: &Document, form: Form, media_type: &str, media: &Value) -> Option<Body> {
    let schema = &media["schema"];
    let named = example(document, media);
    let sample = match named {
        Some(value) => Some(Sample {
            value: value.clone(),
            made_up: Vec::new(),
        }),
        None if form == Form::Other => None,
        None => sample(document, schema, "body"),
    };
    let Sample { value, made_up } = sample?;
    let media_type = match media_type {
        "*/*" | "application/*" => "application/json",
        "text/*" => "text/plain",
        other => other,
    };
    let (content_type, text) = match (form, &value) {
        (Form::Json, Value::String(text)) if named.is_some() && is_json(text) => {
            (media_type.to_owned(), text.clone())
        }
        (Form::Json, value) => (media_type.to_owned(), value.to_string()),
        (Form::UrlEncoded, Value::Object(map)) => {
            let pairs = map.iter().flat_map(|(name, value)| pairs(name, value));
            (media_type.to_owned(), pairs.collect::<Vec<_>>().join("&"))
        }
        (Form::Multipart, Value::Object(map)) => {
            let properties = &document.resolve(schema)["properties"];
            let parts: String = map
                .iter()
                .map(|(name, value)| part(name, value, document.resolve(&properties[name])))
                .collect();
            let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
            (content_type, format!("{parts}--{BOUNDARY}--\r\n"))
        }
        (_, value) => (media_type.to_owned(), scalar(value)),
    };
    let is_header = content_type
        .chars()
        .all(|c| c.is_ascii_graphic() || c == ' ');
    is_header.then_some(Body {
        content_type,
        text,
        made_up,
    })
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Returns the pairs of a form field: one for each item of a list, and nested names in brackets.
fn pairs(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .flat_map(|item| match item {
                Value::Object(_) | Value::Array(_) => pairs(&format!("{name}[]"), item),
                item => vec![format!("{}={}", encoded(name), encoded(&scalar(item)))],
            })
            .collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| pairs(&format!("{name}[{key}]"), value))
            .collect(),
        value => vec![format!("{}={}", encoded(name), encoded(&scalar(value)))],
    }
}

/// Returns a part of a multipart body; a file if its schema says so.
fn part(name: &str, value: &Value, schema: &Value) -> String {
    let is_file = kind(schema) == Some("string")
        && (schema["format"] == "binary" || schema.get("contentMediaType").is_some());
    let name: String = name
        .chars()
        .filter(|c| !c.is_control() && *c != '"')
        .collect();
    let (file, content_type) = match is_file {
        true => (
            "; filename=\"file.bin\"",
            "content-type: application/octet-stream\r\n",
        ),
        false => ("", ""),
    };
    format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n{content_type}\r\n{}\r\n",
        scalar(value)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openapi::operation::operations;

    fn of(content: Value) -> Result<Option<Body>, &'static str> {
        let body = json!({"required": true, "content": content});
        let document =
            json!({"openapi": "3.0.0", "paths": {"/a": {"post": {"requestBody": body}}}});
        let document = Document::parse(document.to_string().as_bytes(), "api", None).unwrap();
        let operations = operations(&document);
        body_of(&document, &operations[0])
    }

    use super::body as body_of;

    #[test]
    fn prefers_json_to_forms() {
        let schema = json!({"schema": {"properties": {"a b": {"example": "x&y"}, "n": {"example": [1, 2]}}}});
        let made = of(json!({
            "application/x-www-form-urlencoded": schema,
            "application/vnd.api+json": {"example": {"a": 1}},
        }));
        let made = made.unwrap().unwrap();
        assert_eq!(
            (made.content_type.as_str(), made.text.as_str()),
            ("application/vnd.api+json", "{\"a\":1}")
        );
        let made = of(json!({"application/x-www-form-urlencoded": schema}))
            .unwrap()
            .unwrap();
        assert_eq!(made.text, "a%20b=x%26y&n=1&n=2");
    }

    #[test]
    fn multipart_bodies_name_their_parts() {
        let made = of(json!({"multipart/form-data": {"schema": {"properties": {
            "file": {"type": "string", "format": "binary"},
            "note": {"example": "hello"},
        }}}}));
        let made = made.unwrap().unwrap();
        assert_eq!(
            made.content_type,
            "multipart/form-data; boundary=tenfold-boundary"
        );
        insta::assert_snapshot!(made.text.replace('\r', "␍"), @r#"
        --tenfold-boundary␍
        content-disposition: form-data; name="file"; filename="file.bin"␍
        content-type: application/octet-stream␍
        ␍
        text␍
        --tenfold-boundary␍
        content-disposition: form-data; name="note"␍
        ␍
        hello␍
        --tenfold-boundary--␍
        "#);
    }

    #[test]
    fn bodies_without_a_value_are_refused() {
        assert!(of(json!({"application/xml": {"schema": {"type": "object"}}})).is_err());
        let xml = of(json!({"application/xml": {"example": "<a/>"}}))
            .unwrap()
            .unwrap();
        assert_eq!(xml.text, "<a/>");
        let large = json!({"text/plain": {"example": "x".repeat(20_000)}});
        assert!(of(large).is_err());
    }
}
