//! What is taken from a response for later requests.

use http::HeaderName;

use crate::error::ScenarioError;
use crate::fields::Value;

/// A value that is taken from a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Which variable it becomes; an index into [`Variables`](crate::Variables).
    pub variable: usize,
    /// Where it stands in the response.
    pub source: CaptureSource,
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
