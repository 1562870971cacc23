//! What is asked, and whether it is met. Printed, never asserted: a noisy machine
//! proves nothing.

use serde::{Deserialize, Serialize};

/// Something that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    /// What is asked.
    pub(crate) asked: String,
    /// What was measured.
    pub(crate) measured: String,
    /// Whether it is met; none where it could not be told.
    pub(crate) met: Option<bool>,
}

impl Bar {
    /// Makes one; `else_why` says why nothing was measured.
    pub(crate) fn new(asked: String, measured: Option<(String, bool)>, else_why: &str) -> Self {
        match measured {
            Some((measured, met)) => Self {
                asked,
                measured,
                met: Some(met),
            },
            None => Self {
                asked,
                measured: else_why.to_owned(),
                met: None,
            },
        }
    }

    /// Says whether it is met.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not told",
        }
    }
}
