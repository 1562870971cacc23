//! Kinds of source files: an OpenAPI document, a HAR file, or a log.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Kind of a file, detected from its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// An OpenAPI document, in JSON or YAML; also one of an unsupported version.
    OpenApi,
    /// A scenario of Tenfold.
    Scenario,
    /// Anything else: a HAR file or an access log.
    Log,
}

/// Keys at the top of a JSON document by which its kind is detected.
#[derive(Deserialize)]
struct Top {
    openapi: Option<IgnoredAny>,
    swagger: Option<IgnoredAny>,
}

impl SourceKind {
    /// Detects the kind of a text.
    pub fn of(text: &[u8]) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            return match serde_json::from_slice::<Top>(text) {
                Ok(top) if top.openapi.is_some() || top.swagger.is_some() => Self::OpenApi,
                Ok(_) => Self::Log,
                // Flow style YAML, broken JSON, or JSON lines.
                Err(_) if text.split(|byte| *byte == b'\n').any(is_version_line) => Self::OpenApi,
                Err(_) => Self::Log,
            };
        }
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut lines_again = lines.clone();
        if lines.any(is_version_line) {
            Self::OpenApi
        } else if lines_again.any(|line| line.trim_ascii() == b"[[requests]]") {
            Self::Scenario
        } else {
            Self::Log
        }
    }
}

/// Returns whether a line gives the version of an OpenAPI document: `openapi: 3.1.0` at its beginning.
fn is_version_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"{").unwrap_or(line).trim_ascii_start();
    ["openapi", "swagger"].iter().any(|name| {
        let rest = match line.split_first() {
            Some((quote @ (b'"' | b'\''), rest)) => rest
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.strip_prefix(&[*quote])),
            _ => line.strip_prefix(name.as_bytes()),
        };
        let value = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
        value.is_some_and(|value| {
            let value = value.trim_ascii_start();
            let value = value
                .strip_prefix(b"\"")
                .or(value.strip_prefix(b"'"))
                .unwrap_or(value);
            value.first().is_some_and(u8::is_ascii_digit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_documents_by_their_contents() {
        let of = |text: &str| SourceKind::of(text.as_bytes());
        for text in [
            "{\"openapi\":\"3.0.0\",\"paths\":{}}",
            "\u{feff}{ \"info\": {}, \"swagger\": \"2.0\" }",
            "openapi: 3.1.0\ninfo: {}",
            "# comment\n---\n\"openapi\": '3.0.1'\n",
            "swagger: \"2.0\"",
            "{\n  \"openapi\": \"3.0.0\",\n  broken",
            "{openapi: 3.0.0, paths: {}}",
        ] {
            assert_eq!(of(text), SourceKind::OpenApi, "{text}");
        }
        for text in [
            "",
            "{\"log\":{\"entries\":[]}}",
            "{\"request\":{\"uri\":\"/openapi: 3\"}}\n{\"status\":200}\n",
            "h - - [17/May/2015:10:05:03 +0000] \"GET /openapi: HTTP/1.1\" 200 1",
            "openapi\n",
        ] {
            assert_eq!(of(text), SourceKind::Log, "{text}");
        }
        assert_eq!(
            of("version = 1\n[[requests]]\nname = \"a\""),
            SourceKind::Scenario
        );
    }
}
