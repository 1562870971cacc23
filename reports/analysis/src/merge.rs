//! Merges the runs of several generators into one, as if there were a single generator.

mod compatibility;
mod error;
mod manifest;

use tenfold_run_dir::sample::first_of_each_kind;
use tenfold_run_dir::scaling::Scaling;
use tenfold_run_dir::{
    Counts, HostTimeline, IntervalFold, Run, ServerTiming, TargetMetrics, Timeline,
};

pub use error::MergeError;

use crate::merge::compatibility::{is_same, mergeable};
use crate::merge::manifest::manifest;

/// Merges the runs of generators that sent the same scenario at the same time.
///
/// The merge is exact: it adds the counts, and the rows of the time line by their time since the start of
/// each run. The latencies are still to be folded from the merged interval log, which
/// [`merge_intervals`](tenfold_run_dir::merge_intervals()) makes. The manifest keeps the verdict of each part, because a
/// merged measurement is only as good as its worst part. Host figures are kept only for the target, which
/// all parts share.
///
/// # Errors
/// If there are fewer than two runs, two of them are the same run, their scenarios differ in more than the
/// seed, or they did not overlap in time.
pub fn merge(runs: &[Run]) -> Result<Run, MergeError> {
    let [first, others @ ..] = runs else {
        return Err(MergeError::TooFew(0));
    };
    if others.is_empty() {
        return Err(MergeError::TooFew(1));
    }
    for (index, other) in others.iter().enumerate() {
        mergeable(first, other)?;
        if let Some(one) = runs[..=index].iter().find(|one| is_same(one, other)) {
            return Err(MergeError::Same {
                one: one.path.clone(),
                other: other.path.clone(),
            });
        }
    }
    let one_target = others
        .iter()
        .all(|run| run.manifest.target == first.manifest.target);
    let with_target_usage = runs.iter().find(|run| {
        let mut samples = run.host.samples.iter();
        samples.any(|sample| sample.target_cpu_ns.is_some())
    });
    let profiled = runs.iter().find(|run| run.profile.is_some());
    let timeline = Timeline::merged(runs.iter().map(|run| &run.timeline));
    let manifest = manifest(runs);
    let mut counts = Counts::merged(runs.iter().map(|run| &run.counts));
    counts.server_counter = counts.server_counter.filter(|_| one_target);
    Ok(Run {
        path: first.path.clone(),
        counts,
        generators: Vec::new(),
        agents: Default::default(),
        latencies: IntervalFold::of_run(&manifest, &timeline),
        manifest,
        timeline,
        host: match with_target_usage.filter(|_| one_target) {
            Some(run) => target_only(&run.host),
            None => HostTimeline::default(),
        },
        // All generators recorded the same boxes, balancers and groups: adding them would count them twice.
        boxes: Vec::new(),
        balancers: Vec::new(),
        scaling: Scaling::default(),
        incidents: Vec::new(),
        faults: None,
        components: Vec::new(),
        // Each generator saw all allocations, in about the same time.
        heap: profiled
            .filter(|_| one_target)
            .and_then(|run| run.heap.clone()),
        metrics: match runs.iter().find(|run| !run.metrics.series.is_empty()) {
            Some(run) if one_target => run.metrics.clone(),
            _ => TargetMetrics::default(),
        },
        profile: profiled.and_then(|run| run.profile.clone()),
        flamegraph: profiled.and_then(|run| run.flamegraph.clone()),
        // The waits of the same time as the profile, if there is one.
        off_cpu: match profiled {
            Some(run) => run.off_cpu.clone(),
            None => runs.iter().find_map(|run| run.off_cpu.clone()),
        },
        samples: first_of_each_kind(runs.iter().flat_map(|run| &run.samples)),
        server_timing: server_timing(runs),
    })
}

/// Adds the times of sampled requests.
fn server_timing(runs: &[Run]) -> ServerTiming {
    let mut sum = ServerTiming::default();
    for run in runs {
        sum.merge(&run.server_timing);
    }
    sum
}

/// Keeps the usage of the target and clears that of the host, which is the host of one generator only.
fn target_only(host: &HostTimeline) -> HostTimeline {
    let mut host = host.clone();
    for sample in &mut host.samples {
        sample.host_cores_used = None;
        sample.host_cores_stolen = None;
    }
    host.others.clear();
    host
}
