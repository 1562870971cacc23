//! Where a difference comes from.

use maud::{Markup, PreEscaped, html};
use tenfold_analysis::gate::{Cause, GateOutcome, Pair, ProfileCount, Side};
use tenfold_analysis::words;
use tenfold_run_dir::Flamegraph;

use crate::document::capitalised;
use crate::flamegraph::{Difference, draw, frames};
use crate::gate::beside::Beside;
use crate::gate::figures;
use crate::html::figures::{Data, data_table, head, section, table};
use crate::html::flames::widest;

/// Sets what profiles and waits of both builds show; nothing where none were taken.
pub(super) fn cause(outcome: &GateOutcome, beside: &Beside) -> Markup {
    let Some(cause) = &outcome.cause else {
        return html! {};
    };
    let content = html! {
        @if !cause.functions.is_empty() { (functions(cause)) }
        @if !cause.waits.is_empty() { (waits(cause)) }
        @for remark in &cause.remarks { p.note { (capitalised(remark)) "." } }
        (flamegraphs(cause, beside))
    };
    section(
        "cause",
        "What changed inside",
        "Profiles of both builds under the same load, taken after the rounds that are judged. A share is \
         of the samples of its own build; the processor time of a request is not, and tells growth from \
         what merely takes more of less.",
        &content,
    )
}

fn functions(cause: &Cause) -> Markup {
    let data = Data {
        head: head(&[
            "function, without what it calls",
            "share, baseline",
            "candidate",
            "CPU a request, baseline",
            "candidate",
            "samples",
        ]),
        rows: cause
            .functions
            .iter()
            .map(|function| {
                let samples = format!(
                    "{} and {}",
                    words::count(function.samples.baseline),
                    words::count(function.samples.candidate)
                );
                let figures = figures::function(function);
                let name = [function.name.clone()];
                name.into_iter().chain(figures).chain([samples]).collect()
            })
            .collect(),
    };
    html! {
        h3 { "Functions that changed most" }
        (table(&data))
        p.samples { (captured(&cause.profiles)) }
    }
}

fn captured(profiles: &Pair<ProfileCount>) -> String {
    let said = Side::ALL.map(|side| {
        let count = profiles.of(side);
        let expected = count.expected.map_or_else(String::new, |expected| {
            format!(" / {} expected", words::count(expected.round() as u64))
        });
        format!("{side}: {}{expected}", words::count(count.captured))
    });
    format!("Samples captured of the {}.", said.join(", of the "))
}

fn waits(cause: &Cause) -> Markup {
    let data = Data {
        head: head(&[
            "wait",
            "baseline, a request",
            "candidate, a request",
            "requests",
        ]),
        rows: cause
            .waits
            .iter()
            .map(|wait| {
                vec![
                    wait.name.clone(),
                    figures::value("µs", wait.us_per_request.baseline),
                    figures::value("µs", wait.us_per_request.candidate),
                    format!(
                        "{} and {}",
                        words::count(wait.count.baseline),
                        words::count(wait.count.candidate)
                    ),
                ]
            })
            .collect(),
    };
    html! {
        h3 { "Waits that changed most" }
        (table(&data))
    }
}

fn flamegraphs(cause: &Cause, beside: &Beside) -> Markup {
    let (named, read) = (&cause.flamegraphs, &beside.flamegraphs);
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
            "What appeared: the difference, as wide as the candidate",
            &named.difference,
            appeared,
        ),
        (
            "flame-difference-reversed",
            "What vanished: the difference, as wide as the baseline",
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
    html! {
        @for (id, title, file, frames) in &graphs {
            @if frames.is_some() || file.is_some() {
                h3 { (title) }
                @if let Some(frames) = frames {
                    figure {
                        div.flames { (PreEscaped(draw(frames, id, title))) }
                        (data_table(&widest(frames)))
                    }
                }
                @if let Some(file) = file.as_deref().filter(|file| is_beside(file)) {
                    p.note { a href={ "./" (file) } { (file) } }
                }
            }
        }
        @if is_compared {
            p.note {
                "Red grew and blue shrank, the deeper the more, in shares of all samples. A function that "
                "vanished has no width in the candidate's, and one that appeared none in the baseline's: "
                "look at both."
            }
        }
    }
}

/// Whether a name is one of a file beside the report and of nothing else.
fn is_beside(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', ':', '?', '#', '%']) && name != ".."
}
