//! A line that could not be read.

use std::fmt;

use tenfold_secret::masked_text;

/// A line that could not be read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenLine {
    /// Line number, or entry number in a HAR file, from 1.
    pub line: u64,
    /// Reason.
    pub reason: String,
    /// Start of the line, with control characters escaped and secrets masked.
    pub text: String,
}

/// Number of bytes quoted.
const QUOTED_BYTES: usize = 100;

impl BrokenLine {
    pub(crate) fn new(line: u64, reason: String, bytes: &[u8]) -> Self {
        let start = &bytes[..bytes.len().min(QUOTED_BYTES)];
        let mut text: String = masked_text(&String::from_utf8_lossy(start))
            .chars()
            .flat_map(|c| {
                // Logs contain text from strangers; their control characters must not reach a terminal.
                let escaped = c.is_control().then(|| c.escape_default());
                let plain = (!c.is_control()).then_some(c);
                escaped.into_iter().flatten().chain(plain)
            })
            .collect();
        if bytes.len() > QUOTED_BYTES {
            text.push_str("...");
        }
        Self { line, reason, text }
    }
}

impl BrokenLine {
    /// Formats the line as an entry of a HAR file.
    pub(crate) fn as_entry(&self) -> String {
        self.described("entry")
    }

    fn described(&self, what: &str) -> String {
        format!("{what} {}: {}: `{}`", self.line, self.reason, self.text)
    }
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.described("line"))
    }
}
