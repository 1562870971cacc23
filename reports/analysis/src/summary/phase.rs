//! Figures of each phase, and of each step of a phase.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::{ArrivalCounts, RequestCounts};
use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::manifest::{PhaseInfo, StepInfo};
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use crate::latency::counted_latencies::CountedLatencies;
use crate::latency::percentiles::Latency;
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

/// A stretch of a run.
struct Period<'a> {
    run: &'a Run,
    start_ns: u64,
    end_ns: u64,
}

impl<'a> Period<'a> {
    /// Returns the part of a period that lies before the end of an interrupted run.
    fn of(run: &'a Run, start_ns: u64, end_ns: u64) -> Self {
        let reached = match run.counts.interrupted {
            Some(_) => run.counts.elapsed_ns,
            None => u64::MAX,
        };
        Self {
            run,
            start_ns,
            end_ns: end_ns.min(reached).max(start_ns),
        }
    }

    fn seconds(&self) -> f64 {
        (self.end_ns - self.start_ns) as f64 / 1e9
    }

    /// Returns the share of a time span that lies in the period, 0 to 1.
    fn share(&self, start_ns: u64, duration_ns: u64) -> f64 {
        let end = start_ns.saturating_add(duration_ns).min(self.end_ns);
        let covered = end.saturating_sub(start_ns.max(self.start_ns));
        covered as f64 / duration_ns.max(1) as f64
    }

    /// Returns the rows with a part in the period, with the share of each.
    fn rows(&self) -> impl Iterator<Item = (&'a Row, f64)> {
        let rows = self.run.timeline.rows.iter();
        let shares = rows.map(|row| (row, self.share(row.start_ns, row.duration_ns)));
        shares.filter(|(_, share)| *share > 0.0)
    }

    /// Sums a value over the rows, weighted by the share of each.
    fn sum(&self, of: impl Fn(&Row) -> u64) -> f64 {
        self.rows().map(|(row, share)| of(row) as f64 * share).sum()
    }

    fn failures(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::<String, f64>::new();
        for (row, share) in self.rows() {
            for own in &row.failures {
                *sums.entry(own.class.to_string()).or_default() += own.count as f64 * share;
            }
        }
        let counts = sums.into_iter();
        counts
            .map(|(class, sum)| (class, sum.round() as u64))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// Averages a value over the samples of the host, weighted by the time of each in the period. `None` without a value.
    fn mean(&self, of: impl Fn(&HostSample) -> Option<f64>) -> Option<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for sample in &self.run.host.samples {
            let start = sample.at_ns.saturating_sub(sample.duration_ns);
            let weight = self.share(start, sample.duration_ns) * sample.duration_ns as f64;
            if let Some(value) = of(sample).filter(|_| weight > 0.0) {
                sum += weight * value;
                weights += weight;
            }
        }
        (weights > 0.0).then(|| sum / weights)
    }

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
            rate_per_s: Rates::new(arrivals.planned, completed, seconds),
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
