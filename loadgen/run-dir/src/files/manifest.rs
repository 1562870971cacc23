//! `manifest.json`: scenario, target, machine and tool of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Version of the run directory's format.
pub const VERSION: u32 = 1;

/// Scenario, target, machine and tool of a run: all it takes to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the run directory's format.
    pub version: u32,
    /// Tool that wrote the run.
    pub tool: Tool,
    /// Name of the scenario.
    pub scenario: String,
    /// TOML of the scenario as read, with secrets masked.
    pub scenario_text: String,
    /// Seed in effect.
    pub seed: u64,
    /// `open` or `closed`.
    pub model: String,
    /// Values that the command line overrode, by flag.
    pub overrides: BTreeMap<String, String>,
    /// Command that repeats the run.
    pub command: Vec<String>,
    /// Start, RFC 3339 in UTC.
    pub started_at: String,
    /// URL of the target.
    pub target: String,
    /// Stage of the reference service. `None` for any other target.
    pub stage: Option<String>,
    /// Boxes of the stage; the first is the one whose process is sampled. Empty if the run did not start the stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxInfo>,
    /// Reason why resource limits could not be applied to the boxes. `None` if they were applied or not requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfined_because: Option<String>,
    /// Boxes whose use of CPU is that of the service. Empty in runs of earlier versions, for the first box, and without boxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_boxes: Vec<String>,
    /// Most virtual users.
    pub users: u32,
    /// Phases, in order.
    pub phases: Vec<PhaseInfo>,
    /// Requests, in the scenario's order.
    pub requests: Vec<RequestInfo>,
    /// Files that the requests send in their bodies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileInfo>,
    /// Key spaces, in the scenario's order.
    pub key_spaces: Vec<KeySpaceInfo>,
    /// SLO rules, as written.
    pub rules: Vec<String>,
    /// Machine of the generator.
    pub host: Host,
    /// `true` if the service ran on the same machine. `None` if it is not known.
    pub shared_host: Option<bool>,
    /// Generators that shared the load on one machine, each with its record in `generators/N`. 1 in runs of earlier versions.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub generators: u32,
    /// Runs that were merged into this one, in order. Empty for a run of one generator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<Part>,
}

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

/// A file that a request sends in its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Path, as written in the scenario.
    pub file: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the contents, in hexadecimal digits.
    pub sha256: String,
}

/// A box of the stage that the run started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxInfo {
    /// Name.
    pub name: String,
    /// CPU limit, in cores. `None` without a limit.
    pub cpu: Option<f64>,
    /// Memory limit, in bytes. `None` without a limit.
    pub memory_bytes: Option<u64>,
}

/// One generator's part of a merged run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Directory that it was read from.
    pub path: String,
    /// Seed.
    pub seed: u64,
    /// Start, RFC 3339 in UTC.
    pub started_at: String,
    /// Machine of the generator.
    pub host: Host,
    /// Tool that wrote the run.
    pub tool: Tool,
    /// Requests sent in counted phases.
    pub sent: u64,
    /// Verdict on this part alone: `valid`, `suspect` or `invalid`.
    pub measurement: String,
    /// Reasons for a verdict other than `valid`.
    pub reasons: Vec<String>,
    /// 99th percentile of the generator's lag, in nanoseconds. `None` if nothing was sent.
    pub lag_p99_ns: Option<u64>,
    /// Cores that the generator used in its busiest second. `None` if it is not known.
    pub peak_cores_used: Option<f64>,
    /// Seconds in which the generator's thread was close to saturation.
    pub saturated_seconds: u64,
    /// Mean cores of its machine that processes other than generators and service used. `None` if it is not known, and in runs of
    /// earlier versions.
    #[serde(default)]
    pub cores_used_by_others: Option<f64>,
    /// Mean cores of its machine that other virtual machines took (steal). `None` as above.
    #[serde(default)]
    pub cores_stolen: Option<f64>,
    /// Reason for an early end. `None` if the run completed.
    pub interrupted: Option<String>,
}

/// Build of the tool that wrote a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Version.
    pub version: String,
    /// Git revision of the build. `None` if it was built outside a checkout.
    pub git_revision: Option<String>,
    /// `release` or `debug`. A debug build is too slow to measure anything but itself.
    pub build: String,
}

/// A phase of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseInfo {
    /// Name.
    pub name: String,
    /// Kind: constant, ramp, steps, spike, diurnal, trace, users.
    pub kind: String,
    /// Start, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Length, in nanoseconds.
    pub duration_ns: u64,
    /// `true` if its requests are sent but not counted.
    pub warm_up: bool,
    /// Steps of a phase of kind `steps`, in order. Empty for other phases, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepInfo>,
}

/// A step of a phase: a stretch of one planned rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepInfo {
    /// Start, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Length, in nanoseconds.
    pub duration_ns: u64,
    /// Planned arrivals per second.
    pub rate_per_s: f64,
}

impl StepInfo {
    /// End, in nanoseconds since the start of the run.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

impl PhaseInfo {
    /// End, in nanoseconds since the start of the run.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

/// A request of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// Name.
    pub name: String,
    /// `read` or `write`.
    pub kind: String,
    /// HTTP method.
    pub method: String,
    /// Index into [`Manifest::key_spaces`]. `None` if the request has no key.
    pub key_space: Option<usize>,
}

/// A set of keys and their popularity in theory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeySpaceInfo {
    /// Name.
    pub name: String,
    /// Number of keys.
    pub count: u64,
    /// Description of the popularity: `Zipfian, exponent 0.99`.
    pub popularity: String,
    /// Share of the k most popular keys in theory, for each k of [`crate::counts::KeyCounts::top`]. Empty if theory gives
    /// none.
    pub theory: Vec<KeyShare>,
}

/// Share of the requests that go to the most popular keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeyShare {
    /// Number of keys.
    pub top: u64,
    /// Share of the requests, from 0 to 1.
    pub share: f64,
}

/// Machine of a generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Cores that the generator may use.
    pub cores: usize,
    /// Model name of the processor.
    pub cpu: String,
    /// Operating system and kernel release.
    pub kernel: String,
    /// Main memory, in bytes.
    pub memory_bytes: u64,
    /// Limit on open files.
    pub open_files: u64,
    /// One-minute load average at the start.
    pub load_1m: f64,
}
