//! A line that could not be read.

use std::fmt;

use tenfold_secret::masked_text;

/// A line that could not be read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenLine {
    /// File, if several are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line number, or entry number in a HAR file, from 1.
    pub line: u64,
    /// Reason.
    pub reason: String,
    /// Start of the line, with control characters and bytes that are not text escaped, and secrets masked.
    pub text: String,
}

/// Number of bytes quoted.
const QUOTED_BYTES: usize = 100;

impl BrokenLine {
    pub(crate) fn new(line: u64, reason: String, bytes: &[u8]) -> Self {
        let start = &bytes[..bytes.len().min(QUOTED_BYTES)];
        let lossy = String::from_utf8_lossy(start);
        let masked = masked_text(&lossy);
        let mut text = match masked == lossy {
            true => start.utf8_chunks().fold(String::new(), |mut text, chunk| {
                text.push_str(&printable(chunk.valid()));
                for byte in chunk.invalid() {
                    text.push_str(&format!("\\x{byte:02x}"));
                }
                text
            }),
            // With a secret, those bytes may be part of it.
            false => printable(&masked),
        };
        if bytes.len() > QUOTED_BYTES {
            text.push_str("...");
        }
        Self {
            file: None,
            line,
            reason,
            text,
        }
    }

    /// Makes a broken entry of a HAR file. Quotes its URL without the query, which may contain a secret.
    pub(crate) fn of_entry(number: u64, reason: String, url: &str) -> Self {
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        Self::new(number, reason, shown.as_bytes())
    }

    /// Formats the line as an entry of a HAR file.
    pub fn as_entry(&self) -> String {
        self.described("entry")
    }

    fn described(&self, what: &str) -> String {
        let file = self
            .file
            .as_ref()
            .map(|file| format!("{} ", printable(file)));
        format!(
            "{}{what} {}: {}: `{}`",
            file.unwrap_or_default(),
            self.line,
            self.reason,
            self.text
        )
    }
}

/// Escapes control characters. Logs contain text from strangers, whose control characters must not reach a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.described("line"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_bytes_that_are_not_text() {
        let quoted =
            |bytes: &[u8]| BrokenLine::new(7, "it is broken".to_owned(), bytes).to_string();
        assert_eq!(
            quoted(b"a\xff\x1b[2J\0b"),
            "line 7: it is broken: `a\\xff\\u{1b}[2J\\u{0}b`"
        );
        let secret = quoted(b"a\xff password=\xfes3cret");
        assert!(
            !secret.contains("s3cret") && secret.contains("***"),
            "{secret}"
        );
    }
}
