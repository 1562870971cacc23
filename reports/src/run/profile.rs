//! The CPU profile of the service.

use tenfold_analysis::format;
use tenfold_run_dir::{ProfileInfo, Run};

use crate::document::{Block, Section};
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
    let blocks = samples.into_iter().chain([chart]).collect();
    Section::new("flamegraph", "CPU profile", "", blocks)
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
