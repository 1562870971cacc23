//! Profiles and waits of both builds.

use tenfold_analysis::format;
use tenfold_analysis::gate::{Cause, GateOutcome, Pair, ProfileCount, Side};
use tenfold_run_dir::Flamegraph;

use crate::document::{Block, Section, Table, capitalised};
use crate::flamegraph::{Difference, Measure, flamegraph, frames};
use crate::gate::attachments::Attachments;
use crate::gate::figures;

/// Returns the functions and waits that changed, and the flamegraphs. `None` without profiles.
pub(super) fn cause(outcome: &GateOutcome, attachments: &Attachments) -> Option<Section> {
    let cause = outcome.cause.as_ref()?;
    let mut blocks = Vec::new();
    if !cause.functions.is_empty() {
        blocks.extend([
            Block::Heading("Functions that changed most".to_owned()),
            Block::Table(functions(cause)),
            Block::Note(captured(&cause.profiles)),
        ]);
    }
    if !cause.waits.is_empty() {
        blocks.extend([
            Block::Heading("Waits that changed most".to_owned()),
            Block::Table(waits(cause)),
        ]);
    }
    let remarks = cause.remarks.iter();
    blocks.extend(remarks.map(|remark| Block::Note(format!("{}.", capitalised(remark)))));
    blocks.extend(flamegraphs(cause, attachments));
    Some(Section::new(
        "cause",
        "Profiles and waits",
        "Profiles of both builds under the same load, taken after the judged rounds. A share relates to the \
         samples of its own build. CPU per request is absolute: it grows only if a function needs more CPU.",
        blocks,
    ))
}

fn functions(cause: &Cause) -> Table {
    let rows = cause.functions.iter().map(|function| {
        let samples = format!(
            "{} and {}",
            format::count(function.samples.baseline),
            format::count(function.samples.candidate)
        );
        let name = [function.name.clone()].into_iter();
        let figures = figures::function(function);
        name.chain(figures).chain([samples]).collect()
    });
    let head = [
        "function, without its callees",
        "share, baseline",
        "candidate",
        "CPU per request, baseline",
        "candidate",
        "samples",
    ];
    Table::new(&head, rows)
}

fn captured(profiles: &Pair<ProfileCount>) -> String {
    let sides = Side::ALL.map(|side| {
        let count = profiles.of(side);
        let expected = count.expected.map_or_else(String::new, |expected| {
            format!(" / {} expected", format::count(expected.round() as u64))
        });
        format!("{side} {}{expected}", format::count(count.captured))
    });
    format!("Samples captured: {}.", sides.join(", "))
}

fn waits(cause: &Cause) -> Table {
    let rows = cause.waits.iter().map(|wait| {
        vec![
            wait.name.clone(),
            figures::value("µs", wait.us_per_request.baseline),
            figures::value("µs", wait.us_per_request.candidate),
            format!(
                "{} and {}",
                format::count(wait.count.baseline),
                format::count(wait.count.candidate)
            ),
        ]
    });
    let head = [
        "wait",
        "per request, baseline",
        "per request, candidate",
        "requests",
    ];
    Table::new(&head, rows)
}

fn flamegraphs(cause: &Cause, attachments: &Attachments) -> Vec<Block> {
    let (named, read) = (&cause.flamegraphs, &attachments.flamegraphs);
    let stored = |flamegraph: &Option<Flamegraph>| flamegraph.as_ref().and_then(frames);
    let difference = Difference::between(read.baseline.as_ref(), read.candidate.as_ref());
    // Earlier versions stored the difference as two drawings.
    let appeared = difference.appeared.or_else(|| stored(&read.difference));
    let vanished = difference
        .vanished
        .or_else(|| stored(&read.difference_reversed));
    let is_compared = appeared.is_some() || vanished.is_some();
    let graphs = [
        (
            "flame-difference",
            "Appeared: the difference, as wide as the candidate",
            &named.difference,
            appeared,
        ),
        (
            "flame-difference-reversed",
            "Vanished: the difference, as wide as the baseline",
            &named.difference_reversed,
            vanished,
        ),
        (
            "flame-candidate",
            "The candidate",
            &named.candidate,
            stored(&read.candidate),
        ),
        (
            "flame-baseline",
            "The baseline",
            &named.baseline,
            stored(&read.baseline),
        ),
    ];
    let mut blocks = Vec::new();
    for (id, title, file, frames) in graphs {
        if frames.is_some() || file.is_some() {
            blocks.push(Block::Heading(title.to_owned()));
            blocks.extend(frames.map(|frames| flamegraph(&frames, Measure::Samples, id, title)));
            blocks.extend(file.clone().map(Block::File));
        }
    }
    if is_compared {
        let legend = "Red functions grew and blue functions shrank, in shares of all samples; stronger colours \
                      are larger changes. A function that vanished has no width in the candidate, and one \
                      that appeared has none in the baseline: compare both.";
        blocks.push(Block::Note(legend.to_owned()));
    }
    blocks
}
