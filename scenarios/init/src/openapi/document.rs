//! An OpenAPI document and its references.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{swagger2, yaml};
use crate::error::InitError;

/// Maximum size of a document in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Maximum length of a chain of references.
const REFERENCES_MAX: usize = 32;

/// An OpenAPI document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Name of the document in messages.
    pub origin: String,
    /// URL that the document was read from, for relative servers. `None` for a file.
    pub url: Option<String>,
    root: Value,
}

/// The value of a reference that leads nowhere.
static NOTHING: Value = Value::Null;

impl Document {
    /// Parses a document in JSON or YAML.
    ///
    /// # Errors
    /// Fails if the text is neither, or not an OpenAPI document of version 3 or 2.
    pub fn parse(text: &[u8], origin: &str, url: Option<&str>) -> Result<Self, InitError> {
        let syntax = |reason: String| InitError::Syntax {
            origin: origin.to_owned(),
            reason,
        };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(syntax(format!(
                "it has more than {} MiB",
                DOCUMENT_BYTES_MAX / 1024 / 1024
            )));
        }
        let text = std::str::from_utf8(text)
            .map_err(|error| syntax(format!("byte {} is not UTF-8", error.valid_up_to())))?;
        let root = match serde_json::from_str(text) {
            Ok(root) => root,
            Err(json) => match yaml::parse(text) {
                Ok(root) => root,
                // Of the two messages, the one for what it seems to be.
                Err(_) if text.trim_start().starts_with('{') => {
                    return Err(syntax(format!("it is not valid JSON: {json}")));
                }
                Err(yaml) => return Err(syntax(format!("it is not valid YAML: {yaml}"))),
            },
        };
        let mut document = Self {
            origin: origin.to_owned(),
            url: url.map(str::to_owned),
            root,
        };
        document.check_version()?;
        if document.root.get("openapi").is_none() {
            document.root = swagger2::upgraded(document.root);
        }
        Ok(document)
    }

    fn check_version(&self) -> Result<(), InitError> {
        let version = |key: &str| match &self.root[key] {
            Value::Null => None,
            // YAML without quotes: `openapi: 3.1`.
            Value::Number(number) => Some(number.to_string()),
            other => Some(other.as_str().unwrap_or("unknown").to_owned()),
        };
        let reason = match (version("openapi"), version("swagger")) {
            (Some(version), _) if version.starts_with("3.") || version == "3" => return Ok(()),
            (Some(version), _) => {
                format!("it has OpenAPI version {version}; versions 3.0 and later are read")
            }
            (None, Some(version)) if version == "2.0" || version == "2" => return Ok(()),
            (None, Some(version)) => {
                format!("it has Swagger version {version}; version 2.0, and OpenAPI 3, are read")
            }
            (None, None) => "it is not an OpenAPI document: `openapi` is missing".to_owned(),
        };
        Err(InitError::Version {
            origin: self.origin.clone(),
            reason,
        })
    }

    /// Returns the document's root.
    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Returns its title with the version of the service.
    pub(super) fn title(&self) -> String {
        let info = self.resolve(&self.root["info"]);
        let part = |key: &str| match &info[key] {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        match (part("title").as_str(), part("version").as_str()) {
            ("", _) => self.origin.clone(),
            (title, "") => title.to_owned(),
            (title, version) => format!("{title} {version}"),
        }
    }

    /// Returns the title without the version, for file names.
    pub fn name(&self) -> Option<&str> {
        self.root["info"]["title"].as_str()
    }

    /// Follows the references of a value within the document. Those to other documents, broken and
    /// endless ones lead to `null`.
    pub(super) fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..REFERENCES_MAX {
            match reference(value) {
                None => return value,
                Some(reference) => value = self.target(reference),
            }
        }
        &NOTHING
    }

    /// Returns the value that a reference points to; `null` if there is none.
    pub(super) fn target(&self, reference: &str) -> &Value {
        let Some(pointer) = reference.strip_prefix('#') else {
            return &NOTHING;
        };
        let pointer = percent_decode_str(pointer).decode_utf8_lossy();
        self.root.pointer(&pointer).unwrap_or(&NOTHING)
    }
}

/// Returns the reference of a value; `None` if it has none.
pub(super) fn reference(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, String> {
        Document::parse(text.as_bytes(), "api.yaml", None).map_err(|error| error.to_string())
    }

    #[test]
    fn follows_references() {
        let document = parse(
            "openapi: 3.1.0\ncomponents:\n  schemas:\n    a: {$ref: '#/components/schemas/b~1c%20d'}\n    b/c d: {type: string}\n    loop: {$ref: '#/components/schemas/loop'}\n    far: {$ref: 'other.yaml#/a'}\n    gone: {$ref: '#/nowhere'}\n",
        )
        .unwrap();
        let of = |name: &str| document.resolve(&document.root["components"]["schemas"][name]);
        assert_eq!(of("a")["type"], "string");
        for name in ["loop", "far", "gone"] {
            assert_eq!(*of(name), Value::Null, "{name}");
        }
    }

    #[test]
    fn messages_name_version_and_syntax() {
        let messages: Vec<String> = [
            "swagger: '1.2'",
            "openapi: 4.0.0",
            "{\"a\": 1}",
            "{\"openapi\": \"3.0.0\",",
            "openapi: 3.0.0\n  paths: [",
        ]
        .iter()
        .map(|text| parse(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
        assert!(parse("openapi: 3.1").is_ok());
        assert!(parse("swagger: 2.0").is_ok());
        assert!(parse("{\"openapi\": \"3.2.0\"}").is_ok());
    }
}
