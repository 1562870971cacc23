//! Runs that can be merged: of one scenario, at one time, each named once.

use tenfold_run_dir::Run;
use tenfold_run_dir::manifest::PhaseInfo;

use crate::merge::error::MergeError;
use crate::merge::manifest::parts;
use crate::verdict::seconds_apart;

pub(super) fn mergeable(one: &Run, other: &Run) -> Result<(), MergeError> {
    let (a, b) = (&one.manifest, &other.manifest);
    let same = [
        ("their scenario", a.scenario == b.scenario),
        ("their model", a.model == b.model),
        ("the phases, or how long they last", a.phases == b.phases),
        ("the requests", a.requests == b.requests),
        ("the key spaces", a.key_spaces == b.key_spaces),
        ("the objectives", a.rules == b.rules),
        (
            "the scenario's text",
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

/// The lines of a scenario but for its seed, which stands before the first table.
fn unseeded(text: &str) -> impl Iterator<Item = &str> {
    let mut in_table = false;
    text.lines().filter(move |line| {
        in_table |= line.trim_start().starts_with('[');
        let key = line.split('=').next().unwrap_or_default();
        in_table || key.trim() != "seed"
    })
}

/// Whether two runs are the same one, or hold the same one as a part: merged, it would count twice.
pub(super) fn is_same(one: &Run, other: &Run) -> bool {
    let is_merged = |run: &Run| !run.manifest.merged_from.is_empty();
    if !is_merged(one) && !is_merged(other) {
        return one.manifest == other.manifest && one.counts == other.counts;
    }
    let others = parts(other);
    parts(one).iter().any(|part| {
        others.iter().any(|other| {
            // Not by their paths: a run may have been moved since.
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
