//! What is wrong with a scenario, and where.

use std::path::{Path, PathBuf};

/// A scenario that can't be used: where the mistake stands, what it is, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ScenarioError {
    /// The file that was read.
    pub origin: PathBuf,
    /// The line of the mistake, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The column of the mistake, in characters from 1; 0 where the file as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ScenarioError {
    /// Returns an error about the whole of a file.
    pub(crate) fn whole(origin: &Path, message: impl Into<String>) -> Self {
        Self {
            origin: origin.to_owned(),
            line: 0,
            column: 0,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns the same error with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the same error with advice where there is some.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    fn sentence(&self) -> String {
        let mut sentence = self.origin.display().to_string();
        if self.line > 0 {
            sentence.push_str(&format!(":{}:{}", self.line, self.column));
        }
        sentence.push_str(": ");
        sentence.push_str(&self.message);
        if let Some(hint) = &self.hint {
            sentence.push_str("; ");
            sentence.push_str(hint);
        }
        sentence
    }
}
