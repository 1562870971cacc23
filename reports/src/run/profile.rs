//! The CPU profile of the service.

use tenfold_analysis::{format, function_times};
use tenfold_run_dir::{Flamegraph, ProfileInfo, Run};

use crate::document::{Block, Section, Table};
use crate::flamegraph::{flamegraph, frames};

/// Returns the flamegraph, with the number of its samples.
pub(super) fn profile(run: &Run) -> Section {
    let frames = run.flamegraph.as_ref().and_then(frames);
    let chart = match frames {
        Some(frames) => flamegraph(&frames, "flame", "CPU flamegraph"),
        None if run.profile.is_some() => Block::Note(
            "The profile has no samples: the service was idle, or its profiler recorded nothing."
                .to_owned(),
        ),
        None => Block::Note(
            "No profile was captured. A service with `/debug/pprof/profile` is profiled in its steady phase."
                .to_owned(),
        ),
    };
    let samples = run.profile.as_ref().map(samples);
    let samples = samples.map(Block::Note);
    let blocks = samples.into_iter().chain([chart]);
    let blocks = blocks.chain(functions(run).into_iter().flatten());
    Section::new("flamegraph", "CPU profile", "", blocks.collect())
}

/// Functions in the table of self and total time: those with the most samples of their own.
const FUNCTIONS_MAX: usize = 25;

/// Returns self and total time of the functions. `None` without stacks.
fn functions(run: &Run) -> Option<[Block; 2]> {
    let Some(Flamegraph::Stacks(stacks)) = &run.flamegraph else {
        return None;
    };
    let functions = function_times(stacks);
    let all = stacks.samples();
    let share = |samples: u64| format::percent(samples as f64 / all.max(1) as f64);
    let rows = functions.iter().take(FUNCTIONS_MAX).map(|function| {
        vec![
            function.name.clone(),
            share(function.self_samples),
            format::count(function.self_samples),
            share(function.total_samples),
            format::count(function.total_samples),
        ]
    });
    let head = ["function", "self", "samples", "total", "samples in all"];
    let table = Table::new(&head, rows).sortable();
    (all > 0).then(|| {
        let heading = "Self time is spent in a function itself, total time also in its callees";
        [Block::Heading(heading.to_owned()), Block::Table(table)]
    })
}

/// Describes the samples of a profile: their number, their time, and their source.
fn samples(profile: &ProfileInfo) -> String {
    let captured = format::count(profile.captured);
    let captured = match profile.expected {
        Some(expected) => format!(
            "{captured} / {} samples captured / expected",
            format::count(expected.round() as u64)
        ),
        None => format!("{captured} samples captured; the expected number is unknown"),
    };
    let cpu = profile.cpu_s.map_or_else(String::new, |cpu| {
        format!(" ({} s of CPU)", format::significant(cpu))
    });
    format!(
        "{captured}, at {} Hz for {}{cpu} from second {}. Source: `{}`.",
        format::significant(profile.hz),
        format::duration(profile.duration_ns),
        format::significant(profile.start_ns as f64 / 1e9),
        profile.source
    )
}
