//! Cause of a difference, from profiles and waits of both builds.

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;

/// Cause of a difference. Profiles are captured after the judged rounds, never during them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// Remarks on the profiles, in sentences: their cost, and possible omissions.
    pub remarks: Vec<String>,
    /// Number of samples behind the shares.
    pub profiles: Pair<ProfileCount>,
    /// Functions that changed most, the greatest change first.
    pub functions: Vec<FunctionChange>,
    /// Waits that changed most, the greatest change first.
    pub waits: Vec<WaitChange>,
    /// The files that flamegraphs are drawn from.
    pub flamegraphs: Flamegraphs,
}

/// Completeness of a profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileCount {
    /// Captured samples.
    pub captured: u64,
    /// Expected samples for the CPU time used, if known.
    pub expected: Option<f64>,
}

/// CPU time of a function, without its callees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionChange {
    /// Name of the function.
    pub name: String,
    /// Samples in the function.
    pub samples: Pair<u64>,
    /// Share of all samples, 0 to 1.
    pub share: Pair<f64>,
    /// CPU time per request, in microseconds, if known.
    pub cpu_us_per_request: Option<Pair<f64>>,
}

/// Wait of requests for a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitChange {
    /// Name of the resource.
    pub name: String,
    /// Mean wait per request, in microseconds.
    pub us_per_request: Pair<f64>,
    /// Number of requests.
    pub count: Pair<u64>,
}

/// The files that flamegraphs are drawn from, by their names beside the outcome: folded stacks, or drawings (SVG) if an
/// earlier version wrote the outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flamegraphs {
    /// Stacks of the baseline.
    pub baseline: Option<String>,
    /// Stacks of the candidate.
    pub candidate: Option<String>,
    /// A drawing of the difference in widths of the candidate. `None` unless an earlier version wrote it.
    pub difference: Option<String>,
    /// A drawing of the difference in widths of the baseline. `None` unless an earlier version wrote it.
    pub difference_reversed: Option<String>,
}
