//! A build that was compared.

use serde::{Deserialize, Serialize};

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
