//! A line that could not be read.

use std::fmt;

use crate::secret::masked_text;

/// A line that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenLine {
    /// Its number, from 1; of the entry in a HAR file.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// How it begins, with what can't be printed escaped and what may be a secret masked.
    pub text: String,
}

/// Enough of a line to find it by.
const QUOTED_BYTES: usize = 100;

impl BrokenLine {
    pub(crate) fn new(line: u64, reason: String, bytes: &[u8]) -> Self {
        let start = &bytes[..bytes.len().min(QUOTED_BYTES)];
        let mut text: String = masked_text(&String::from_utf8_lossy(start))
            .chars()
            .flat_map(|c| {
                // A log is written by strangers: its control characters stay off the terminal.
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
    /// Tells it as an entry of a HAR file.
    pub(super) fn as_entry(&self) -> String {
        self.told("entry")
    }

    fn told(&self, what: &str) -> String {
        format!("{what} {}: {}: `{}`", self.line, self.reason, self.text)
    }
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.told("line"))
    }
}
