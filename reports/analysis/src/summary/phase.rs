//! Figures of each phase, and of each step of a phase.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::{ArrivalCounts, RequestCounts};
use tenfold_run_dir::manifest::{PhaseInfo, StepInfo};
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use crate::latency::counted_latencies::CountedLatencies;
use crate::latency::percentiles::Latency;
use crate::summary::period::Period;
use crate::summary::rates::Rates;

/// Figures of a phase, or of a step of a phase.
///
/// Arrivals of a phase are counted by the phase that planned them. Those of a step are counted by time: planned arrivals by
/// their intended time, answers by the time at which they were done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseSummary {
    /// Name of the phase.
    pub name: String,
    /// Kind of the phase: `steps`.
    pub kind: String,
    /// Number of the step, from 1. `None` for a whole phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Planned rate of the step, per second. `None` for a whole phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_per_s: Option<f64>,
    /// True if its requests are sent but not counted in any other figure.
    pub warm_up: bool,
    /// Start, in seconds since the start of the run.
    pub start_s: f64,
    /// Duration, in seconds, up to the end of the run.
    pub duration_s: f64,
    /// Arrivals by outcome.
    pub arrivals: ArrivalCounts,
    /// Offered rate, and rate of expected responses that were complete within the period.
    pub rate_per_s: Rates,
    /// Response time.
    pub response_ns: Latency,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// Cores in use by the target. `None` if they are not known.
    pub target_cores: Option<f64>,
    /// CPU time of the target per completed request, in microseconds. `None` if it is not known, or no request completed.
    pub target_cpu_us_per_request: Option<f64>,
    /// Cores in use by the generator. `None` if they are not known.
    pub generator_cores: Option<f64>,
    /// Steps of the phase, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PhaseSummary>,
}

/// Summarises the phases of a run, in order.
pub(crate) fn phases(run: &Run) -> Vec<PhaseSummary> {
    let phases = run.manifest.phases.iter().enumerate();
    phases
        .map(|(index, phase)| of_phase(run, index, phase))
        .collect()
}

fn of_phase(run: &Run, index: usize, phase: &PhaseInfo) -> PhaseSummary {
    let period = Period::of(run, phase.start_ns, phase.end_ns());
    let mut counts = RequestCounts::default();
    for request in run.counts.phases.get(index).into_iter().flatten() {
        counts.add(request);
    }
    let histogram = CountedLatencies::of(run).histogram_in(index, Metric::Response, |_| true);
    let of_step = |(number, step)| of_step(run, index, phase, number, step);
    PhaseSummary {
        steps: phase.steps.iter().enumerate().map(of_step).collect(),
        ..period.summary(
            phase,
            ArrivalCounts::from(&counts),
            counts.failures,
            Latency::of(&histogram),
        )
    }
}

fn of_step(
    run: &Run,
    index: usize,
    phase: &PhaseInfo,
    number: usize,
    step: &StepInfo,
) -> PhaseSummary {
    let period = Period::of(run, step.start_ns, step.end_ns());
    let mut histogram = tenfold_run_dir::latency_histogram();
    if let Some(sum) = run.latencies.steps().of(index, number) {
        sum.add_to(&mut histogram);
    }
    let count = |of: fn(&Row) -> u64| period.sum(of).round() as u64;
    let arrivals = ArrivalCounts {
        planned: count(|row| row.planned),
        sent: count(|row| row.sent),
        completed: count(|row| row.reads + row.writes),
        failed: count(|row| row.failed),
        dropped: count(|row| row.dropped),
        ..ArrivalCounts::default()
    };
    PhaseSummary {
        step: Some(number as u64 + 1),
        planned_per_s: Some(step.rate_per_s),
        ..period.summary(phase, arrivals, period.failures(), Latency::of(&histogram))
    }
}

impl Period<'_> {
    fn summary(
        &self,
        phase: &PhaseInfo,
        arrivals: ArrivalCounts,
        failures: BTreeMap<String, u64>,
        response_ns: Latency,
    ) -> PhaseSummary {
        let seconds = self.seconds();
        let completed = self.sum(|row| row.reads + row.writes);
        let target_cores = self.mean(|sample| {
            let cpu = sample.target_cpu_ns? as f64;
            (sample.duration_ns > 0).then(|| cpu / sample.duration_ns as f64)
        });
        let generator_ns = self.sum(|row| row.generator_cpu_ns);
        PhaseSummary {
            name: phase.name.clone(),
            kind: phase.kind.clone(),
            step: None,
            planned_per_s: None,
            warm_up: phase.warm_up,
            start_s: self.start_ns as f64 / 1e9,
            duration_s: seconds,
            rate_per_s: Rates::new(arrivals.planned, arrivals.sent, completed, seconds),
            arrivals,
            response_ns,
            failures,
            target_cores,
            target_cpu_us_per_request: target_cores
                .filter(|_| completed > 0.0)
                .map(|cores| cores * seconds * 1e6 / completed),
            generator_cores: (generator_ns > 0.0 && seconds > 0.0)
                .then(|| generator_ns / 1e9 / seconds),
            steps: Vec::new(),
        }
    }
}
