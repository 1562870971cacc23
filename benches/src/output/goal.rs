//! A goal of a benchmark. Goals are printed, never asserted: a noisy machine proves nothing.

use serde::{Deserialize, Serialize};

/// A goal, and whether it was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// The goal in words.
    pub(crate) asked: String,
    /// The measured value, or why there is none.
    pub(crate) measured: String,
    /// True if the goal was met. `None` without a measured value.
    pub(crate) met: Option<bool>,
}

impl Goal {
    /// Creates a goal. Without a measured value, `reason` explains why.
    pub(crate) fn new(asked: String, measured: Option<(String, bool)>, reason: &str) -> Self {
        match measured {
            Some((measured, met)) => Self {
                asked,
                measured,
                met: Some(met),
            },
            None => Self {
                asked,
                measured: reason.to_owned(),
                met: None,
            },
        }
    }

    /// Returns the outcome as a word.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "unknown",
        }
    }
}
