//! Checks, journeys, and what came back where requests failed.

use maud::{Markup, html};
use tenfold_analysis::{Summary, words};

use crate::html::figures::{Data, head, section, table};

/// Sets the checks by name; nothing where there are none.
pub(crate) fn checks(summary: &Summary) -> Markup {
    let checks = summary.requests.iter().flat_map(|request| {
        let checks = request.checks.iter();
        checks.map(|(name, counts)| {
            vec![
                name.clone(),
                request.name.clone(),
                words::count(counts.passed),
                words::count(counts.failed),
            ]
        })
    });
    let data = Data {
        head: head(&["check", "request", "passed", "failed"]),
        rows: checks.collect(),
    };
    html! {
        @if !data.rows.is_empty() {
            (section("checks", "Checks", "What answers had to be like, beside their status.", &table(&data)))
        }
    }
}

/// Sets what became of journeys; nothing where there are none.
pub(crate) fn journeys(summary: &Summary) -> Markup {
    let journeys = summary.journeys.iter().map(|journey| {
        let numbers = [
            journey.begun,
            journey.completed,
            journey.failed,
            journey.unfinished,
            journey.cut_off,
        ];
        let reason = journey.cut_off_because.clone();
        std::iter::once(journey.name.clone())
            .chain(numbers.map(words::count))
            .chain([reason.unwrap_or_else(|| "–".to_owned())])
            .collect()
    });
    let data = Data {
        head: head(&[
            "journey",
            "begun",
            "completed",
            "ended by a failure",
            "unfinished",
            "cut off",
            "cut off because",
        ]),
        rows: journeys.collect(),
    };
    html! {
        @if !data.rows.is_empty() {
            (section("journeys", "Journeys", "Warm-up included.", &table(&data)))
        }
    }
}

/// Sets what came back where requests failed; nothing where all went well.
pub(crate) fn samples(summary: &Summary) -> Markup {
    let content = html! {
        @for sample in &summary.samples {
            details {
                summary {
                    (sample.request) ": " (sample.failure)
                    @if let Some(check) = &sample.check { " “" (check) "”" }
                    @if let Some(status) = sample.status { ", status " (status) }
                }
                p { (sample.reason) ", at " (words::duration(sample.at_ns)) " of the run." }
                @if sample.status.is_some() {
                    pre { @for (name, value) in &sample.headers { (name) ": " (value) "\n" } "\n" (sample.body) }
                    p.note { "The whole body has " (words::bytes(sample.body_bytes)) "." }
                }
            }
        }
    };
    html! {
        @if !summary.samples.is_empty() {
            (section("samples", "What came back", "The first few answers of each kind of failure; secrets are masked.", &content))
        }
    }
}
