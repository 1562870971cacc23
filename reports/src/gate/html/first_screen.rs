//! What a reader must see first: the verdict, the effects it rests on, and what to do next.

use maud::{Markup, PreEscaped, html};
use tenfold_analysis::gate::{Decision, GateOutcome, MetricResult, Role, Side};
use tenfold_analysis::words;

use crate::chart::forest::{self, Bar, Scale};
use crate::gate::figures::{self, Row};
use crate::html::prose::{capitalised, prose, unbroken};
use crate::sentence::Tone;

/// Sets the head of the report.
pub(super) fn first_screen(outcome: &GateOutcome) -> Markup {
    let (tone, headline) = figures::headline(outcome);
    let sign = match tone {
        Tone::Good => "✓",
        Tone::Caution => "!",
        Tone::Bad => "✗",
    };
    let others = || {
        let days = outcome.bad_days.iter().map(|day| day.sentence());
        days.filter(|sentence| *sentence != outcome.sentence)
    };
    html! {
        header class=(class(tone)) {
            p.origin {
                span.brand { "Tenfold" }
                span { "gate" }
                span { (outcome.scenario) }
                span { (figures::build(outcome, Side::Candidate)) " against " (figures::build(outcome, Side::Baseline)) }
                span { (outcome.started_at) }
                @if outcome.advisory { span.tag { "advisory: fails nothing" } }
            }
            p.badge { span.sign aria-hidden="true" { (sign) } " " (headline) }
            h1 { (outcome.sentence) }
            @if others().next().is_some() || !outcome.remarks.is_empty() {
                ul.reasons {
                    @for sentence in others() { li { (prose(&sentence)) } }
                    @for remark in &outcome.remarks { li { (prose(&capitalised(remark))) } }
                }
            }
            @for day in &outcome.bad_days {
                @if !day.last_lines().is_empty() {
                    p.note { "The last it wrote:" }
                    pre { (day.last_lines().join("\n")) }
                }
            }
            @if let Some(decision) = &outcome.decision { (effects(decision, outcome)) }
            @if let Some(capacity) = figures::capacity(outcome) { p.note { (prose(&capitalised(&capacity))) "." } }
            @if !outcome.next.is_empty() {
                div.next {
                    h2 { "What to do next" }
                    p { (prose(&outcome.next)) }
                }
            }
        }
    }
}

pub(super) fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Caution => "caution",
        Tone::Bad => "bad",
    }
}

fn effects(decision: &Decision, outcome: &GateOutcome) -> Markup {
    let rows = figures::rows(decision);
    let drawn: Vec<Option<Bar>> = decision
        .metrics
        .iter()
        .zip(&rows)
        .map(|(result, row)| bar(result, row))
        .collect();
    let bars: Vec<Bar> = drawn.iter().flatten().copied().collect();
    let scale = Scale::of(&bars);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Effects" {
            table.effects {
                thead {
                    tr {
                        th scope="col" { "metric" }
                        th scope="col" { "verdict" }
                        th scope="col" { "effect" }
                        th scope="col" { "better ← → worse" }
                        th scope="col" { "interval" }
                        th scope="col" { "baseline" }
                        th scope="col" { "candidate" }
                        th scope="col" { "limit" }
                        th scope="col" { "would see" }
                    }
                }
                tbody {
                    @for (index, row) in rows.iter().enumerate() {
                        tr class=(class(row.tone)) {
                            th scope="row" { (row.name) }
                            td.outcome { span aria-hidden="true" { (row.sign) } " " (row.word) }
                            td { strong { (row.effect) } }
                            td.drawing {
                                @if let (Some(Some(bar)), Some(scale)) = (drawn.get(index), scale) {
                                    (PreEscaped(forest::bar(bar, scale, &format!("effect-{index}"), &row.name)))
                                }
                            }
                            td { (unbroken(&row.interval)) }
                            td { (row.baseline) }
                            td { (row.candidate) }
                            td { (row.limit) }
                            td { (row.sees) }
                        }
                    }
                    @if let Some(scale) = scale {
                        tr.ruler aria-hidden="true" {
                            td {} td {} td {}
                            td.drawing { (PreEscaped(forest::ruler(scale))) }
                            td {} td {} td {} td {} td {}
                        }
                    }
                }
            }
        }
        p.note {
            "Dots are effects, whiskers their intervals, the thin line no effect. An interval left of the "
            "limit passes; "
            @if two_limits(decision) { "the dashed line is what passes, the solid one what fails. " }
            @else { "a dot beyond it that is surely not zero fails. " }
            @if let Some(note) = figures::how_intervals_hold(decision, &outcome.settings) { (note) }
        }
        @if let Some(seen) = figures::could_be_seen(decision) { p.note { (seen) } }
        ul.why {
            @for row in &rows { li { strong { (row.name) } ": " (prose(&row.reason)) } }
        }
    }
}

fn two_limits(decision: &Decision) -> bool {
    let limits = decision.metrics.iter().map(|result| result.limits);
    limits
        .into_iter()
        .any(|limits| limits.tolerance != limits.fail_above)
}

fn bar(result: &MetricResult, row: &Row) -> Option<Bar> {
    let effect = result.effect?;
    let is_gated = result.metric.role == Role::Gated;
    Some(Bar {
        value: effect.value,
        interval: effect
            .interval
            .map(|interval| (interval.low, interval.high)),
        tolerance: is_gated.then_some(result.limits.tolerance),
        fail_above: is_gated.then_some(result.limits.fail_above),
        class: if is_gated { class(row.tone) } else { "informs" },
    })
}

/// Says how many rounds there were.
pub(super) fn rounds_said(outcome: &GateOutcome) -> String {
    format!(
        "{} rounds in {} s",
        words::count(outcome.rounds.len() as u64),
        words::significant(outcome.elapsed_s)
    )
}
