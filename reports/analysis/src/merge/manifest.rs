//! Manifest of a merged run.

use std::collections::BTreeMap;

use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{Manifest, Run};

use crate::summarise::{part, summarise};

pub(super) fn manifest(runs: &[Run]) -> Manifest {
    let mut merged = runs[0].manifest.clone();
    let mut overrides = BTreeMap::<String, Vec<String>>::new();
    for run in runs {
        for (flag, value) in &run.manifest.overrides {
            let values = overrides.entry(flag.clone()).or_default();
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
    }
    merged.overrides = overrides
        .into_iter()
        .map(|(flag, values)| (flag, values.join(" and ")))
        .collect();
    let paths = runs.iter().map(|run| run.path.display().to_string());
    merged.command = ["tenfold".to_owned(), "merge".to_owned()]
        .into_iter()
        .chain(paths)
        .collect();
    let others = || runs[1..].iter().map(|run| &run.manifest);
    if let Some(earliest) = runs.iter().map(|run| &run.manifest.started_at).min() {
        merged.started_at.clone_from(earliest);
    }
    if others().any(|other| other.shared_host != merged.shared_host) {
        merged.shared_host = None;
    }
    for other in others() {
        let steps = merged.phases.iter_mut().zip(&other.phases);
        let steps = steps.flat_map(|(sum, own)| sum.steps.iter_mut().zip(&own.steps));
        steps.for_each(|(sum, own)| sum.rate_per_s += own.rate_per_s);
    }
    merged.users = runs
        .iter()
        .fold(0_u32, |sum, run| sum.saturating_add(run.manifest.users));
    // Their records stay in the directories of the parts.
    merged.generators = 1;
    merged.merged_from = runs.iter().flat_map(parts).collect();
    merged
}

/// Returns the record of a run in the manifest of a merge; for a merged run, the records of its parts.
pub(super) fn parts(run: &Run) -> Vec<Part> {
    if !run.manifest.merged_from.is_empty() {
        return run.manifest.merged_from.clone();
    }
    // The service counted the requests of all generators, so its counter cannot match one of them.
    let mut alone = run.clone();
    alone.counts.server_counter = None;
    let mut summary = summarise(&alone);
    let verdict = std::mem::take(&mut summary.verdict);
    vec![part(run, &summary, verdict, run.path.display().to_string())]
}
