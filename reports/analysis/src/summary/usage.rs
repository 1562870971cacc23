//! Resource usage of the target and of the generator host.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::{Manifest, Run, Timeline};

use crate::summary::window::Window;

/// Resource usage of the target process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetUsage {
    /// Average number of cores in use over the counted phases.
    pub cores_used: f64,
    /// Cores in use in the busiest second.
    pub peak_cores_used: f64,
    /// Core allowance of the box. `None` if the box was not confined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_cores: Option<f64>,
    /// CPU time per completed request, in microseconds. `None` if no request completed.
    pub cpu_us_per_request: Option<f64>,
    /// Peak resident memory, in bytes. `None` if the target did not report it.
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
            allowed_cores: allowed_cores(run),
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

/// Returns the CPU allowance of the boxes whose use is that of the service, or of the control group of a service that is no box.
/// `None` if one of them has no limit.
pub(crate) fn allowed_cores(run: &Run) -> Option<f64> {
    let Manifest {
        boxes,
        service_boxes,
        ..
    } = &run.manifest;
    if boxes.is_empty() {
        let mut samples = run.host.samples.iter().rev();
        let cores = samples.find_map(|sample| sample.target_limits.as_ref()?.cores_allowed);
        return cores.filter(|cores| *cores < run.manifest.host.cores as f64);
    }
    if service_boxes.is_empty() {
        return boxes.first()?.cpu;
    }
    let of_service = boxes.iter().filter(|own| service_boxes.contains(&own.name));
    of_service.map(|own| own.cpu).sum()
}

/// Load of the generator host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostUsage {
    /// Number of cores available to the run.
    pub cores: u64,
    /// Average number of cores in use by all processes over the counted phases.
    pub cores_used: f64,
    /// Cores in use in the busiest second.
    pub peak_cores_used: f64,
    /// Average number of cores lost to other virtual machines (steal). `None` if the system did not report
    /// it.
    pub cores_stolen: Option<f64>,
    /// Average number of cores in use by other processes than the generator and the target. `None` if the
    /// target may be on this host and did not report its usage.
    pub cores_used_by_others: Option<f64>,
}

impl HostUsage {
    pub(crate) fn of(run: &Run, window: &Window, target: Option<&TargetUsage>) -> Option<Self> {
        let used = cores(run, window, |sample| sample.host_cores_used)?;
        let generator = generator_cores(&run.timeline, window);
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

/// Mean number of cores that a generator used over the counted phases, by its time line.
pub(crate) fn generator_cores(timeline: &Timeline, window: &Window) -> f64 {
    let rows = timeline.rows.iter();
    let used =
        rows.map(|row| row.generator_cpu_ns as f64 * window.share(row.start_ns, row.duration_ns));
    used.sum::<f64>() / 1e9 / window.seconds().max(1e-9)
}

struct Cores {
    mean: f64,
    peak: f64,
}

/// Averages a value over the samples, weighted by the counted duration of each. `None` without a counted
/// sample.
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
