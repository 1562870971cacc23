//! `manifest.json`: what was run, on what, with what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the run directory's format.
pub const VERSION: u32 = 1;

/// What was run, on what, with what: enough to run it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the run directory's format.
    pub version: u32,
    /// The tool that wrote it.
    pub tool: Tool,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's TOML as read, with what may be a secret in it masked.
    pub scenario_text: String,
    /// The seed in force.
    pub seed: u64,
    /// `open` or `closed`.
    pub model: String,
    /// What the command line changed, flag by flag.
    pub overrides: BTreeMap<String, String>,
    /// The command that runs it again.
    pub command: Vec<String>,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// The address that was sent to.
    pub target: String,
    /// The stage of the reference service; none for a service of someone else's.
    pub stage: Option<String>,
    /// The boxes of the stage, first the one whose process is watched; empty where the service was up before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxInfo>,
    /// Why the boxes were not held to their allowances, where they were to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfined_because: Option<String>,
    /// Bound on virtual users.
    pub users: u32,
    /// The phases, in order.
    pub phases: Vec<PhaseInfo>,
    /// The requests, in the scenario's order.
    pub requests: Vec<RequestInfo>,
    /// The scenario's key spaces, in its order.
    pub key_spaces: Vec<KeySpaceInfo>,
    /// The SLO rules, as written.
    pub rules: Vec<String>,
    /// The machine that the generator ran on.
    pub host: Host,
    /// Whether generator and service shared that machine; none where it can't be told.
    pub shared_host: Option<bool>,
    /// The runs that it was merged from, in order; empty for a run of one generator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<Part>,
}

/// A box of the stage that was brought up for the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxInfo {
    /// Its name.
    pub name: String,
    /// The processors that it might use; none where it was not confined.
    pub cpu: Option<f64>,
    /// The memory that it might use; none where it was not confined.
    pub memory_bytes: Option<u64>,
}

/// One generator's run, as part of a merged one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Where it was read from.
    pub path: String,
    /// Its seed.
    pub seed: u64,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// The machine that the generator ran on.
    pub host: Host,
    /// The tool that wrote it.
    pub tool: Tool,
    /// Requests that it sent in the counted phases.
    pub sent: u64,
    /// How far it could be trusted by itself: `valid`, `suspect` or `invalid`.
    pub measurement: String,
    /// Why it is not simply valid.
    pub reasons: Vec<String>,
    /// The generator's lag at p99, in nanoseconds; none where nothing was sent.
    pub lag_p99_ns: Option<u64>,
    /// Processors that the generator used in its busiest second; none where it wasn't told.
    pub peak_cores_used: Option<f64>,
    /// Seconds in which the generator's busy thread had next to no processor time to spare.
    pub saturated_seconds: u64,
    /// What ended it early; none where it came to its end.
    pub interrupted: Option<String>,
}

/// The tool that wrote a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its version.
    pub version: String,
    /// The git revision it was built from; none where it was built outside a checkout.
    pub git_revision: Option<String>,
    /// `release` or `debug`. A debug build measures itself.
    pub build: String,
}

/// A stretch of the arrival curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseInfo {
    /// Its name.
    pub name: String,
    /// Its kind: constant, ramp, steps, spike, diurnal, trace, users.
    pub kind: String,
    /// When it begins.
    pub start_ns: u64,
    /// How long it lasts.
    pub duration_ns: u64,
    /// Whether it is sent but not counted.
    pub warm_up: bool,
}

impl PhaseInfo {
    /// When it ends.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

/// A kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// Its name.
    pub name: String,
    /// `read` or `write`.
    pub kind: String,
    /// Its HTTP method.
    pub method: String,
    /// Index into [`Manifest::key_spaces`]; none where it has no key.
    pub key_space: Option<usize>,
}

/// A set of keys and how popular theory has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeySpaceInfo {
    /// Its name.
    pub name: String,
    /// How many keys it has.
    pub count: u64,
    /// The popularity, as a person would say it: `Zipfian, exponent 0.99`.
    pub popularity: String,
    /// Share of the k most popular keys in theory, for each k of [`crate::counts::KeyCounts::top`];
    /// empty where theory has none.
    pub theory: Vec<KeyShare>,
}

/// The share of requests that the `top` most popular keys take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeyShare {
    /// How many keys.
    pub top: u64,
    /// Their share of the requests, 0 to 1.
    pub share: f64,
}

/// The machine that the generator ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Processors this process may use.
    pub cores: usize,
    /// The processor's own name.
    pub cpu: String,
    /// Operating system and kernel release.
    pub kernel: String,
    /// Main memory.
    pub memory_bytes: u64,
    /// Limit on open files.
    pub open_files: u64,
    /// Load average over one minute at the start.
    pub load_1m: f64,
}
