//! What is taken from a response for later requests.

use std::fmt;

use http::HeaderName;

use crate::error::ScenarioError;
use crate::fields::Value;

/// A value that is taken from a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The variable's name.
    pub name: String,
    /// Which variable it becomes; an index into [`Variables`](crate::Variables).
    pub variable: usize,
    /// Where it stands in the response.
    pub source: CaptureSource,
    /// Whether a response may do without it. The variable has no value then; without this the
    /// request fails.
    pub optional: bool,
}

/// Where in a response a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureSource {
    /// In a JSON body, by JSON Pointer (RFC 6901).
    JsonPointer(String),
    /// In a header.
    Header(HeaderName),
    /// In a cookie that the response sets.
    Cookie(String),
}

impl Capture {
    /// Reads `"json:/token"`, or `{ from = "json:/token", optional = true }`.
    pub(crate) fn read(
        name: String,
        variable: usize,
        value: &Value<'_>,
    ) -> Result<Self, ScenarioError> {
        if !value.is_table() {
            return Ok(Self {
                name,
                variable,
                source: CaptureSource::read(value)?,
                optional: false,
            });
        }
        let mut fields = value.table(format!("the capture `{name}`"))?;
        let source = CaptureSource::read(&fields.required("from")?)?;
        let optional = fields.optional("optional");
        fields.finish()?;
        Ok(Self {
            name,
            variable,
            source,
            optional: optional.map(|value| value.flag()).transpose()? == Some(true),
        })
    }

    /// The name under which it is counted among the checks of its request.
    pub fn check_name(&self) -> String {
        format!("capture {}", self.name)
    }
}

impl fmt::Display for CaptureSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JsonPointer(pointer) => write!(formatter, "JSON value at \"{pointer}\""),
            Self::Header(name) => write!(formatter, "header {name}"),
            Self::Cookie(name) => write!(formatter, "cookie {name}"),
        }
    }
}

impl CaptureSource {
    /// Reads `json:/token`, `header:x-token` or `cookie:session`.
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let text = value.text()?;
        let source = match text.split_once(':') {
            Some(("json", pointer)) if pointer.is_empty() || pointer.starts_with('/') => {
                Some(Self::JsonPointer(pointer.to_owned()))
            }
            Some(("header", name)) => name.trim().parse().ok().map(Self::Header),
            Some(("cookie", name)) if !name.trim().is_empty() => {
                Some(Self::Cookie(name.trim().to_owned()))
            }
            _ => None,
        };
        source.ok_or_else(|| {
            value
                .error(format!(
                    "`{}` is no place in a response",
                    crate::fields::clip(text)
                ))
                .hint("write \"json:/token\", \"header:x-token\" or \"cookie:session\"")
        })
    }
}
