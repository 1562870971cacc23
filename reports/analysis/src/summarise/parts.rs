//! The generators of a run, each judged alone.

use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{GeneratorRecord, HostTimeline, Run, TargetMetrics};

use super::figures;
use crate::summary::Summary;
use crate::summary::verdict::{MeasurementVerdict, Verdict};
use crate::verdict::judge_generator;

/// Returns the records of the generators of a run: of a merged run as its manifest has them, of a run with several generators as
/// their own records show. Empty for a run of one generator.
pub(crate) fn parts(run: &Run) -> Vec<Part> {
    if !run.manifest.merged_from.is_empty() {
        return run.manifest.merged_from.clone();
    }
    let records = run.generators.iter();
    let shared = records.map(|record| {
        let alone = alone(run, record);
        let (summary, counted, _) = figures(&alone, Vec::new());
        let verdict = judge_generator(&counted, &summary);
        let mut path = format!("generators/{}", record.number);
        if let Some(agent) = run.agents.of_generator(record.number) {
            path.push_str(&format!(" ({})", agent.name));
        }
        part(&alone, &summary, verdict, path)
    });
    shared.collect()
}

/// Returns the record of a generator with this summary and verdict.
pub(crate) fn part(run: &Run, summary: &Summary, verdict: Verdict, path: String) -> Part {
    Part {
        path,
        seed: run.manifest.seed,
        started_at: run.manifest.started_at.clone(),
        host: run.manifest.host.clone(),
        tool: run.manifest.tool.clone(),
        sent: summary.arrivals.sent,
        measurement: match verdict.measurement {
            MeasurementVerdict::Valid => "valid",
            MeasurementVerdict::Suspect => "suspect",
            MeasurementVerdict::Invalid => "invalid",
        }
        .to_owned(),
        reasons: verdict.reasons,
        lag_p99_ns: summary.generator.lag_p99_ns,
        peak_cores_used: summary.generator.peak_cores_used,
        saturated_seconds: summary.generator.saturated_seconds,
        interrupted: run.counts.interrupted.clone(),
    }
}

/// Returns the run as if one of its generators had been the only one. Without what belongs to the machine or the service.
fn alone(run: &Run, record: &GeneratorRecord) -> Run {
    let mut manifest = run.manifest.clone();
    manifest.generators = 1;
    let agent = run.agents.of_generator(record.number);
    if let Some(host) = agent.and_then(|agent| agent.host.clone()) {
        manifest.host = host;
    }
    Run {
        path: run.path.clone(),
        manifest,
        counts: record.counts.clone(),
        timeline: record.timeline.clone(),
        latencies: record.latencies.clone(),
        generators: Vec::new(),
        agents: Default::default(),
        host: HostTimeline::default(),
        boxes: Vec::new(),
        balancers: Vec::new(),
        scaling: Default::default(),
        incidents: Vec::new(),
        faults: None,
        components: Vec::new(),
        profile: None,
        flamegraph: None,
        off_cpu: None,
        heap: None,
        metrics: TargetMetrics::default(),
        samples: Vec::new(),
        server_timing: Default::default(),
    }
}
