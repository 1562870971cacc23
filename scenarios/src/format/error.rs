//! Errors in a scenario, with their position.

use std::path::{Path, PathBuf};

use super::position::Position;

/// An error in a scenario: its position, the problem, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ScenarioError {
    /// File that was read.
    pub origin: PathBuf,
    /// Line of the error, from 1; 0 if it concerns the whole file.
    pub line: usize,
    /// Column of the error, in characters from 1; 0 if it concerns the whole file.
    pub column: usize,
    /// The problem.
    pub message: String,
    /// Advice.
    pub hint: Option<String>,
}

impl ScenarioError {
    /// Returns an error that concerns the whole file.
    pub(crate) fn whole(origin: &Path, message: impl Into<String>) -> Self {
        Self {
            origin: origin.to_owned(),
            line: 0,
            column: 0,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns an error at a position of the scenario that was read from `origin`, with advice if there is any.
    pub fn at(
        origin: &Path,
        position: Position,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            origin: origin.to_owned(),
            line: position.line,
            column: position.column,
            message: message.into(),
            hint,
        }
    }

    /// Returns the error without its position, for text that is not from the file.
    pub(crate) fn without_position(mut self) -> Self {
        (self.line, self.column) = (0, 0);
        self
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds advice if there is any.
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
