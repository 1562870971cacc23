//! Results of the stage benchmark.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::Host;

use super::Load;
use super::climb::Climb;
use super::hit_rate::HitRate;

/// Results of the stage benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StagesFigures {
    pub(crate) benchmark: Benchmark,
    pub(crate) stages: Vec<StageFigures>,
    /// Stages that failed, with the reason.
    pub(crate) mishaps: Vec<String>,
    pub(crate) took_s: f64,
}

/// Settings of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Benchmark {
    pub(crate) started_at: String,
    pub(crate) host: Host,
    /// Requests that were sent.
    pub(crate) load: Load,
    /// CPUs of each box.
    pub(crate) box_cpu: f64,
    /// Measured time of each step, in seconds.
    pub(crate) seconds: u64,
    pub(crate) quick: bool,
}

/// Results of one stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StageFigures {
    /// Name for people.
    pub(crate) name: String,
    /// Time to come up and load the data set, in seconds.
    pub(crate) ready_first_s: f64,
    /// Time to come up with existing data, in seconds.
    pub(crate) ready_again_s: f64,
    pub(crate) climb: Climb,
    pub(crate) hit_rate: Option<HitRate>,
}
