//! What the target and the machine were busy with meanwhile.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;
use tenfold_run_dir::host_timeline::HostSample;

use crate::summary::window::Window;

/// What the target's process took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetUsage {
    /// Processors in use, on average over the counted phases.
    pub cores_used: f64,
    /// Processors in use in the busiest second.
    pub peak_cores_used: f64,
    /// Processors that its box might use; none where it was not confined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_cores: Option<f64>,
    /// CPU time for each request answered, in microseconds; none where none was.
    pub cpu_us_per_request: Option<f64>,
    /// Peak resident memory; none where it did not tell.
    pub peak_memory_bytes: Option<u64>,
}

impl TargetUsage {
    pub(crate) fn of(run: &Run, window: &Window) -> Option<Self> {
        let cores = cores(run, window, |sample| {
            Some(sample.target_cpu_ns? as f64 / sample.duration_ns as f64)
        })?;
        let completed = window.sum(run, |row| row.reads + row.writes) / window.seconds().max(1e-9);
        Some(Self {
            cores_used: cores.mean,
            peak_cores_used: cores.peak,
            allowed_cores: run.manifest.boxes.first().and_then(|own| own.cpu),
            cpu_us_per_request: (completed > 0.0).then(|| cores.mean * 1e6 / completed),
            peak_memory_bytes: run
                .host
                .samples
                .iter()
                .filter_map(|s| s.target_memory_bytes)
                .max(),
        })
    }
}

/// What the machine of the generator was under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostUsage {
    /// Processors that the run could use.
    pub cores: u64,
    /// Processors in use by all that ran, on average over the counted phases.
    pub cores_used: f64,
    /// Processors in use in the busiest second.
    pub peak_cores_used: f64,
    /// Processors' worth of time that went to other machines (steal), on average; none where the
    /// system did not tell.
    pub cores_stolen: Option<f64>,
    /// Processors in use by neither the generator nor the target, on average; none where the target
    /// may be on this machine and did not tell what it used.
    pub cores_used_by_others: Option<f64>,
}

impl HostUsage {
    pub(crate) fn of(run: &Run, window: &Window, target: Option<&TargetUsage>) -> Option<Self> {
        let used = cores(run, window, |sample| sample.host_cores_used)?;
        let generator =
            window.sum(run, |row| row.generator_cpu_ns) / 1e9 / window.seconds().max(1e-9);
        let own = match (run.manifest.shared_host, target) {
            (Some(true), Some(target)) => Some(generator + target.cores_used),
            (Some(false), _) => Some(generator),
            _ => None,
        };
        Some(Self {
            cores: run.manifest.host.cores as u64,
            cores_used: used.mean,
            peak_cores_used: used.peak,
            cores_stolen: cores(run, window, |sample| sample.host_cores_stolen)
                .map(|stolen| stolen.mean),
            cores_used_by_others: own.map(|own| (used.mean - own).max(0.0)),
        })
    }
}

struct Cores {
    mean: f64,
    peak: f64,
}

/// Averages what samples tell, each weighted by how much of it counts; none where none does.
fn cores(run: &Run, window: &Window, of: impl Fn(&HostSample) -> Option<f64>) -> Option<Cores> {
    let (mut weighted, mut weight, mut peak) = (0.0, 0.0, 0.0_f64);
    for sample in run
        .host
        .samples
        .iter()
        .filter(|sample| sample.duration_ns > 0)
    {
        let start = sample.at_ns.saturating_sub(sample.duration_ns);
        let counted = window.share(start, sample.duration_ns) * sample.duration_ns as f64;
        if let Some(value) = of(sample).filter(|_| counted > 0.0) {
            weighted += value * counted;
            weight += counted;
            peak = peak.max(value);
        }
    }
    (weight > 0.0).then(|| Cores {
        mean: weighted / weight,
        peak,
    })
}
