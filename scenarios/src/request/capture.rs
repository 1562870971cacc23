//! Values captured from a response for later requests.

use std::fmt;

use http::HeaderName;

use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// A value captured from a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Name of the variable.
    pub name: String,
    /// Index of the variable in [`Variables`](crate::Variables).
    pub variable: usize,
    /// Location of the value in the response.
    pub source: CaptureSource,
    /// True if the value may be absent, which unsets the variable. Otherwise the request fails without
    /// it.
    pub optional: bool,
}

/// Location of a value in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureSource {
    /// A JSON Pointer (RFC 6901) into the body.
    JsonPointer(String),
    /// A header.
    Header(HeaderName),
    /// A cookie set by the response.
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

    /// Returns the name under which the capture is counted among its request's checks.
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
                    "`{}` is not a location in a response",
                    crate::format::fields::clip(text)
                ))
                .hint("write \"json:/token\", \"header:x-token\" or \"cookie:session\"")
        })
    }
}
