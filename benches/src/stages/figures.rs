//! What the stages came to.

use serde::Serialize;
use tenfold_run_dir::manifest::Host;

use super::climb::Climb;
use super::hit_rate::HitRate;

/// What the stages came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StagesFigures {
    pub(crate) benchmark: Benchmark,
    pub(crate) stages: Vec<StageFigures>,
    /// Stages that could not be measured, and why.
    pub(crate) mishaps: Vec<String>,
    pub(crate) took_s: f64,
}

/// How they were measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Benchmark {
    pub(crate) started_at: String,
    pub(crate) host: Host,
    /// Processors of every box.
    pub(crate) box_cpu: f64,
    /// How long each step was measured, in seconds.
    pub(crate) seconds: u64,
    pub(crate) quick: bool,
}

/// What one stage came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StageFigures {
    pub(crate) stage: String,
    pub(crate) tuned: bool,
    /// How long it took to be up with nothing there, its data set included, in seconds.
    pub(crate) ready_first_s: f64,
    /// The same with what was there.
    pub(crate) ready_again_s: f64,
    pub(crate) climb: Climb,
    pub(crate) hit_rate: Option<HitRate>,
}

impl StageFigures {
    /// As a person reads it.
    pub(crate) fn name(&self) -> String {
        match self.tuned {
            true => format!("{}, tuned", self.stage),
            false => self.stage.clone(),
        }
    }
}
