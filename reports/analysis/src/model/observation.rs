//! CPU time of requests, from a run at a constant rate.

use tenfold_run_dir::Run;

use crate::summary::Summary;

/// Name of a service that is not in boxes.
pub(super) const SERVICE: &str = "service";

/// CPU time of requests, from a run at a constant rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Offered rate of the counted phases, per second.
    pub rate: f64,
    /// Requests that were completed, warm-up included.
    pub requests: f64,
    /// Response time at p99 of the counted phases, in nanoseconds. `None` with too few samples.
    pub p99_ns: Option<u64>,
    /// The 95% interval of that.
    pub p99_interval_ns: Option<[f64; 2]>,
    /// CPU of each box.
    pub boxes: Vec<BoxSample>,
    /// CPU time of the generator for a request, in seconds.
    pub generator_s: f64,
    /// Processors of the machine. `None` if the service did not run on the generator's machine.
    pub machine_cores: Option<f64>,
}

/// CPU that a box used in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxSample {
    /// Name of the box.
    pub name: String,
    /// CPU time from before the first request to after the last, in seconds.
    pub cpu_s: f64,
}

impl Observation {
    /// Reads a run.
    pub fn of(run: &Run, summary: &Summary) -> Self {
        let counts = run.counts.phases.iter().flatten();
        let requests: u64 = counts.map(|counts| counts.completed).sum();
        let response = &summary.latency_ns.response;
        Self {
            rate: summary.rate_per_s.offered,
            requests: requests as f64,
            p99_ns: response.p99,
            p99_interval_ns: response
                .interval_95
                .p99
                .map(|interval| interval.map(|ns| ns as f64)),
            boxes: boxes(run),
            generator_s: summary.generator.cpu_us_per_request.unwrap_or(0.0) / 1e6,
            machine_cores: (run.manifest.shared_host == Some(true))
                .then_some(run.manifest.host.cores as f64),
        }
    }
}

fn boxes(run: &Run) -> Vec<BoxSample> {
    if !run.boxes.is_empty() {
        let boxes = run.boxes.iter().map(|own| BoxSample {
            name: own.name.clone(),
            cpu_s: own.cpu_s,
        });
        return boxes.collect();
    }
    let mut samples = run.host.samples.iter();
    let cpu_ns: u64 = samples.clone().filter_map(|own| own.target_cpu_ns).sum();
    let service = BoxSample {
        name: SERVICE.to_owned(),
        cpu_s: cpu_ns as f64 / 1e9,
    };
    match samples.any(|own| own.target_cpu_ns.is_some()) {
        true => vec![service],
        false => Vec::new(),
    }
}
