//! A first scenario, and what its maker has to tell.

use serde::Serialize;

/// Options for making a first scenario.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// Name of the scenario.
    pub name: String,
    /// Path of the scenario file, for the commands in its comments.
    pub file: String,
    /// Path or URL of the JSON Schema, relative to the scenario file.
    pub schema: String,
}

/// A first scenario, and what its maker has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstScenario {
    /// The scenario.
    #[serde(skip)]
    pub toml: String,
    /// URL of the service, for `--target`. `None` if the source does not name it.
    pub target: Option<String>,
    /// Number of requests that read.
    pub reads: usize,
    /// Number of requests that write.
    pub writes: usize,
    /// Operations that are not sent, by reason.
    pub left_out: Vec<LeftOut>,
    /// Path parameters without an example, whose values have to be replaced.
    pub made_up: Vec<String>,
    /// How to give the credentials that the service asks for.
    pub credentials: Vec<String>,
}

/// Operations that are not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Number of operations.
    pub count: usize,
    /// Why they are left out, and how to send them.
    pub reason: String,
}
