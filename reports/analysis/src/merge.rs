//! Several generators' runs, merged into one as though there had been one generator.

mod compatibility;
mod counts;
mod error;
mod intervals;
mod manifest;
mod timeline;

use tenfold_run_dir::sample::{MOST_SAMPLES, SAMPLES_OF_A_KIND, Sample};
use tenfold_run_dir::{HostTimeline, IntervalFold, Run};

pub use error::MergeError;
pub use intervals::merge_intervals;

use crate::merge::compatibility::{is_same, mergeable};
use crate::merge::counts::counts;
use crate::merge::manifest::manifest;
use crate::merge::timeline::timeline;

/// Merges the runs of generators that sent one scenario at one time.
///
/// The merge is exact: counts are added, and rows of the time line are added by their time since each
/// run's own beginning. The latencies of the merged run are still to be folded: its interval log is made
/// of theirs by [`merge_intervals`](crate::merge_intervals()), interval by interval. Each part's own verdict is kept in the
/// manifest, since the whole is no better measured than its worst part. What machines did is kept only
/// as far as it is the target's, which all parts share.
///
/// # Errors
/// Where there are fewer than two runs, or they are not of one scenario but for its seed, are the same
/// run, or did not overlap in time.
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
    let told = runs.iter().find(|run| {
        let mut samples = run.host.samples.iter();
        samples.any(|sample| sample.target_cpu_ns.is_some())
    });
    let profiled = runs.iter().find(|run| run.profile.is_some());
    let timeline = timeline(runs);
    Ok(Run {
        path: first.path.clone(),
        manifest: manifest(runs),
        counts: counts(runs, one_target),
        latencies: IntervalFold::over(&timeline),
        timeline,
        host: match told.filter(|_| one_target) {
            Some(run) => of_target(&run.host),
            None => HostTimeline::default(),
        },
        // Each generator recorded the use of the same boxes and balancers: adding them would count twice.
        boxes: Vec::new(),
        balancers: Vec::new(),
        profile: profiled.and_then(|run| run.profile.clone()),
        flamegraph: profiled.and_then(|run| run.flamegraph.clone()),
        samples: samples(runs),
    })
}

/// The first samples of each kind, whichever generator has them: as many as one would have kept.
fn samples(runs: &[Run]) -> Vec<Sample> {
    let mut all: Vec<&Sample> = runs.iter().flat_map(|run| &run.samples).collect();
    all.sort_by_key(|sample| sample.at_ns);
    let mut kept = Vec::<Sample>::new();
    for sample in all {
        let alike = kept.iter().filter(|other| other.is_like(sample)).count();
        if alike < SAMPLES_OF_A_KIND && kept.len() < MOST_SAMPLES {
            kept.push(sample.clone());
        }
    }
    kept
}

/// What the target's process did, without the machine of one generator among several.
fn of_target(host: &HostTimeline) -> HostTimeline {
    let mut host = host.clone();
    for sample in &mut host.samples {
        sample.host_cores_used = None;
        sample.host_cores_stolen = None;
    }
    host
}
