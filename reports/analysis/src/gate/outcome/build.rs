//! A build that was compared.

use serde::{Deserialize, Serialize};

/// A build of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// Label for people: a branch, a tag, a short revision, or a file name.
    pub label: String,
    /// Argument that selected the build: a command, a revision, or an address.
    pub given: String,
    /// Source revision, if known.
    pub revision: Option<String>,
    /// Command that started it. `None` for a service that was already running.
    pub command: Option<String>,
    /// Number of starts.
    pub starts: u32,
}
