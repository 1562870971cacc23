//! Where the processor's time went.

use maud::{Markup, PreEscaped, html};
use tenfold_analysis::words;
use tenfold_run_dir::{ProfileInfo, Run};

use crate::flamegraph::{Frame, draw, frames};
use crate::html::figures::{Data, data_table, head, section};

/// Frames named in the table.
const WIDEST: usize = 40;

/// Sets the flamegraph, with how much of the processor's time it saw.
pub(crate) fn flamegraph(run: &Run) -> Markup {
    let drawn = run.flamegraph.as_ref().and_then(frames);
    let content = html! {
        @if let Some(profile) = &run.profile { p.samples { (samples(profile)) } }
        @match &drawn {
            Some(frames) => {
                figure {
                    div.flames { (PreEscaped(draw(frames, "flame", "CPU flamegraph"))) }
                    (data_table(&widest(frames)))
                }
            }
            None if run.profile.is_some() => p.none {
                "The profile has no samples: the service was idle, or its profiler saw nothing."
            },
            None => p.none {
                "No profile was captured. A service that offers "
                code { "/debug/pprof/profile" }
                " is profiled in its steady phase."
            },
        }
    };
    section(
        "flamegraph",
        "Where the processor's time went",
        "",
        &content,
    )
}

/// Says how many samples there are, and how many there should be.
fn samples(profile: &ProfileInfo) -> Markup {
    html! {
        strong {
            (words::count(profile.captured))
            @if let Some(expected) = profile.expected { " / " (words::count(expected.round() as u64)) }
        }
        @if profile.expected.is_some() { " samples captured / expected" } @else { " samples captured; how many to expect is not known" }
        ", at " (words::significant(profile.hz)) " Hz for "
        (words::duration(profile.duration_ns)) " from second "
        (words::significant(profile.start_ns as f64 / 1e9))
        @if let Some(cpu) = profile.cpu_s { ", in which the service used " (words::significant(cpu)) " s of processor" }
        ". Source: " code { (profile.source) } "."
    }
}

/// Returns a table of the widest frames.
pub(crate) fn widest(frames: &[Frame]) -> Data {
    let mut widest: Vec<&Frame> = frames.iter().collect();
    widest.sort_by(|a, b| b.width.total_cmp(&a.width));
    Data {
        head: head(&["function", "samples and share, with what it calls"]),
        rows: widest
            .iter()
            .take(WIDEST)
            .map(|frame| vec![frame.name.clone(), frame.figures.clone()])
            .collect(),
    }
}
