//! What the stages came to.

use serde::Serialize;
use tenfold_lab::BoxStatus;
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

/// What a box used over a step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BoxUse {
    pub(crate) name: String,
    pub(crate) role: String,
    /// Processor time over the requests that were answered, in microseconds.
    pub(crate) cpu_us_a_request: f64,
    /// The share of the periods' time that it had a processor: 0.2 is a fifth of one.
    pub(crate) used: f64,
    /// The share of the periods in which it ran that it was held back in.
    pub(crate) held_back: f64,
    pub(crate) memory_bytes: u64,
}

/// The length of a period, in seconds, by which boxes are held to their share.
const PERIOD_S: f64 = 0.010;

impl BoxUse {
    /// What boxes used between two looks, for so many requests.
    pub(crate) fn between(before: &[BoxStatus], after: &[BoxStatus], requests: f64) -> Vec<Self> {
        let used = after.iter().filter_map(|own| {
            let earlier = before.iter().find(|other| other.name == own.name)?.usage?;
            let usage = own.usage?;
            let cpu_s = usage.cpu.saturating_sub(earlier.cpu).as_secs_f64();
            let periods = usage.periods.saturating_sub(earlier.periods) as f64;
            let held = usage
                .periods_throttled
                .saturating_sub(earlier.periods_throttled);
            Some(Self {
                name: own.name.clone(),
                role: own.role.clone(),
                cpu_us_a_request: cpu_s * 1e6 / requests.max(1.0),
                used: cpu_s / (periods * PERIOD_S).max(PERIOD_S),
                held_back: held as f64 / periods.max(1.0),
                memory_bytes: usage.memory_bytes,
            })
        });
        used.collect()
    }
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
