//! What was compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One side of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The build that is known.
    Baseline,
    /// The build that is judged.
    Candidate,
}

impl Side {
    /// Both, the known one first.
    pub const BOTH: [Side; 2] = [Side::Baseline, Side::Candidate];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Baseline => "baseline",
            Side::Candidate => "candidate",
        })
    }
}

/// A build of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// What people call it: a branch, a tag, a short revision, or the file's name.
    pub label: String,
    /// What was asked for, as it was given: a command, a revision, or an address.
    pub given: String,
    /// The revision it was built from, where that is known.
    pub revision: Option<String>,
    /// The command that started it; none for a service that ran already.
    pub command: Option<String>,
    /// How often it was started.
    pub starts: u32,
}
