//! What a reader must see first: the verdict, four numbers, and what to do next.

use maud::{Markup, html};
use tenfold_analysis::{Confidence, Latency, MeasurementVerdict, Summary, words};
use tenfold_run_dir::Run;

use crate::html::figures::section;
use crate::html::prose::{capitalised, prose, unbroken};
use crate::sentence::{self, Tone};

/// Sets the head of the report.
pub(crate) fn first_screen(run: &Run, summary: &Summary) -> Markup {
    let (tone, headline) = sentence::headline(summary);
    let (class, sign) = match tone {
        Tone::Good => ("good", "✓"),
        Tone::Caution => ("caution", "!"),
        Tone::Bad => ("bad", "✗"),
    };
    html! {
        header class=(class) {
            p.origin {
                span.brand { "Tenfold" }
                span { (summary.scenario) }
                span { (summary.started_at) }
                @if !summary.merged_from.is_empty() {
                    span.tag { "merged from " (summary.merged_from.len()) " generators" }
                }
                @if let Some(by) = &run.counts.interrupted { span.tag { "ended early: " (by) } }
            }
            p.badge { span.sign aria-hidden="true" { (sign) } " " (headline) }
            h1 { (sentence::sentence(summary)) }
            @if !summary.verdict.reasons.is_empty() {
                ul.reasons {
                    @for reason in &summary.verdict.reasons { li { (prose(&capitalised(reason))) "." } }
                }
            }
            (numbers(summary))
            div.next {
                h2 { "What to do next" }
                p { (prose(&summary.next)) }
            }
            (rules(summary))
        }
    }
}

fn numbers(summary: &Summary) -> Markup {
    let rates = &summary.rate_per_s;
    let response = &summary.latency_ns.response;
    let lost = summary.arrivals.failed + summary.arrivals.dropped;
    let interval = |interval: Option<[u64; 2]>, latency: &Latency| match interval {
        Some([low, high]) => {
            format!(
                "95% interval {} to {}",
                unbroken(&words::duration(low)),
                unbroken(&words::duration(high))
            )
        }
        None => format!(
            "of {} responses: too few to tell",
            words::count(latency.count)
        ),
    };
    let share = rates
        .share
        .map_or_else(String::new, |share| format!(" ({})", words::percent(share)));
    html! {
        dl.numbers {
            div {
                dt { "Achieved rate" }
                dd { (words::rate(rates.achieved)) }
                dd.note { "of " (words::rate(rates.offered)) " offered" (share) }
            }
            div {
                dt { "Response, median" }
                dd { (words::maybe_duration(response.p50)) }
                dd.note { (interval(response.interval_95.p50, response)) }
            }
            div {
                dt { "Response, p99" }
                dd { (words::maybe_duration(response.p99)) }
                dd.note { (interval(response.interval_95.p99, response)) }
            }
            div class=[(lost > 0).then_some("lossy")] {
                dt { "Failed or dropped" }
                dd { (words::count(lost)) }
                dd.note {
                    "of " (words::count(summary.arrivals.planned)) " arrivals"
                    @if let (Some(errors), true) = (summary.arrivals.errors(), lost > 0) {
                        " (" (words::percent(errors)) ")"
                    }
                }
            }
        }
    }
}

fn rules(summary: &Summary) -> Markup {
    html! {
        @if !summary.rules.is_empty() {
            @if summary.verdict.measurement == MeasurementVerdict::Invalid {
                p.note { "As measured; an invalid measurement says nothing about the service:" }
            }
            ul.rules aria-label="Objectives" {
                @for rule in &summary.rules {
                    @let (sign, word) = sentence::outcome(rule.met);
                    @let class = match rule.met {
                        Some(true) => "good",
                        Some(false) => "bad",
                        None => "caution",
                    };
                    li class=(class) {
                        span.outcome { span aria-hidden="true" { (sign) } " " (word) }
                        code { (rule.text) }
                        span.why { (rule.why.strip_prefix("not judged: ").unwrap_or(&rule.why)) }
                    }
                }
            }
        }
    }
}

/// Sets the findings with their evidence.
pub(crate) fn findings(summary: &Summary) -> Markup {
    let confidence = |confidence| match confidence {
        Confidence::High => "high confidence",
        Confidence::Medium => "medium confidence",
        Confidence::Low => "low confidence",
    };
    let content = html! {
        @for finding in &summary.findings {
            article.finding {
                h3 { (prose(&finding.title)) " " span.tag { (confidence(finding.confidence)) } }
                ul { @for evidence in &finding.evidence { li { (prose(&capitalised(evidence))) } } }
                p.advice { (prose(&finding.advice)) }
            }
        }
    };
    html! {
        @if !summary.findings.is_empty() {
            (section("findings", "What stands out", "", &content))
        }
    }
}
