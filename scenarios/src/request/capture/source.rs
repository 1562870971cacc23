//! Locations of values in a response.

use std::fmt;

use http::HeaderName;

use super::HtmlSelector;
use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// Location of a value in a response.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptureSource {
    /// A JSON Pointer (RFC 6901) into the body.
    JsonPointer(String),
    /// A header.
    Header(HeaderName),
    /// A cookie set by the response.
    Cookie(String),
    /// The body as text.
    Body,
    /// The status, as three digits.
    Status,
    /// The URL that the response came from.
    Url,
    /// An element of the body, which is HTML.
    Html(HtmlSelector),
}

impl CaptureSource {
    /// Reads `json:/token`, `header:x-token`, `cookie:session`, `body`, `status` or `url`.
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
            None => match text {
                "body" => Some(Self::Body),
                "status" => Some(Self::Status),
                "url" => Some(Self::Url),
                _ => None,
            },
            _ => None,
        };
        source.ok_or_else(|| {
            value
                .error(format!("`{}` is not a location in a response", clip(text)))
                .hint(
                    "write \"json:/token\", \"header:x-token\", \"cookie:session\", \"body\", \
                     \"status\" or \"url\"",
                )
        })
    }

    /// Returns whether it is a part of the body.
    pub fn is_in_body(&self) -> bool {
        matches!(self, Self::JsonPointer(_) | Self::Body | Self::Html(_))
    }
}

impl fmt::Display for CaptureSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JsonPointer(pointer) => write!(formatter, "JSON value at \"{pointer}\""),
            Self::Header(name) => write!(formatter, "header {name}"),
            Self::Cookie(name) => write!(formatter, "cookie {name}"),
            Self::Body => formatter.write_str("body"),
            Self::Status => formatter.write_str("status"),
            Self::Url => formatter.write_str("URL"),
            Self::Html(selector) => write!(formatter, "{selector}"),
        }
    }
}
