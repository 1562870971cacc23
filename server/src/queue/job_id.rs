//! Identifiers of jobs.

use std::fmt;

/// Identifier of a job: 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(String);

/// Maximum length of an identifier, in bytes.
const BYTES_MAX: usize = 64;

impl JobId {
    /// Validates an identifier. `None` if it is empty, too long, or has other characters.
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let valid = (1..=BYTES_MAX).contains(&id.len()) && id.bytes().all(allowed);
        valid.then_some(Self(id))
    }

    /// Returns the identifier of a job that has only a number.
    #[cfg(feature = "nats")]
    pub(super) fn numbered(number: u64) -> Self {
        Self(format!("number-{number}"))
    }

    /// Returns the identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_single_tokens() {
        for good in ["a", "7-00ff", "A_b-9", &"x".repeat(64)] {
            assert!(JobId::new(good).is_some(), "{good}");
        }
        for bad in ["", "a.b", "a b", "*", ">", "ü", "a\n", &"x".repeat(65)] {
            assert!(JobId::new(bad).is_none(), "{bad}");
        }
    }
}
