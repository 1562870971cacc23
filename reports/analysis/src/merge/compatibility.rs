//! Conditions for a merge: the same scenario, at the same time, each run named once.

use tenfold_run_dir::manifest::PhaseInfo;
use tenfold_run_dir::{Manifest, Run};

use crate::merge::error::MergeError;
use crate::merge::manifest::parts;
use crate::verdict::seconds_apart;

/// Checks that two runs are of the same scenario and overlap in time.
pub(super) fn mergeable(one: &Run, other: &Run) -> Result<(), MergeError> {
    let (a, b) = (&one.manifest, &other.manifest);
    let same = [
        ("the scenario", a.scenario == b.scenario),
        ("the load model", a.model == b.model),
        ("the phases or their durations", same_phases(a, b)),
        ("the requests", a.requests == b.requests),
        ("the key spaces", a.key_spaces == b.key_spaces),
        ("the objectives", a.rules == b.rules),
        (
            "the text of the scenario",
            unseeded(&a.scenario_text).eq(unseeded(&b.scenario_text)),
        ),
    ];
    if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
        return Err(MergeError::Different {
            one: one.path.clone(),
            other: other.path.clone(),
            what,
        });
    }
    let ends = a.phases.iter().map(PhaseInfo::end_ns);
    let lasts_s = ends.max().unwrap_or(0).div_ceil(1_000_000_000);
    match seconds_apart(&a.started_at, &b.started_at) {
        Some(apart_s) if apart_s >= lasts_s.max(1) => Err(MergeError::NotTogether {
            one: one.path.clone(),
            other: other.path.clone(),
            apart_s,
            lasts_s,
        }),
        _ => Ok(()),
    }
}

/// Returns whether two runs have the same phases. Each generator may have its own share of a step's rate.
fn same_phases(one: &Manifest, other: &Manifest) -> bool {
    let without_rates = |manifest: &Manifest| -> Vec<PhaseInfo> {
        let mut phases = manifest.phases.clone();
        let steps = phases.iter_mut().flat_map(|phase| &mut phase.steps);
        steps.for_each(|step| step.rate_per_s = 0.0);
        phases
    };
    without_rates(one) == without_rates(other)
}

/// Returns the lines of a scenario except for its seed, which precedes the first table.
fn unseeded(text: &str) -> impl Iterator<Item = &str> {
    let mut in_table = false;
    text.lines().filter(move |line| {
        in_table |= line.trim_start().starts_with('[');
        let key = line.split('=').next().unwrap_or_default();
        in_table || key.trim() != "seed"
    })
}

/// Returns whether two runs are the same, or contain the same part, which a merge would count twice.
pub(super) fn is_same(one: &Run, other: &Run) -> bool {
    let is_merged = |run: &Run| !run.manifest.merged_from.is_empty();
    if !is_merged(one) && !is_merged(other) {
        return one.manifest == other.manifest && one.counts == other.counts;
    }
    let others = parts(other);
    parts(one).iter().any(|part| {
        others.iter().any(|other| {
            // Paths are no evidence: a run may have been moved.
            (
                part.seed,
                &part.started_at,
                &part.host,
                part.sent,
                part.lag_p99_ns,
            ) == (
                other.seed,
                &other.started_at,
                &other.host,
                other.sent,
                other.lag_p99_ns,
            )
        })
    })
}
