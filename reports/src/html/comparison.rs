//! Several runs side by side.

use maud::{Markup, html};
use tenfold_analysis::{Comparison, Summary, words};

use crate::html::figures::{Data, section, table};
use crate::html::page;
use crate::sentence;

/// Renders several runs side by side: their figures, then what was not the same about them.
pub fn render_comparison(comparison: &Comparison) -> String {
    let columns = |first: &str| {
        [first.to_owned()]
            .into_iter()
            .chain(comparison.names.iter().cloned())
            .collect::<Vec<_>>()
    };
    let figures = Data {
        head: columns(""),
        rows: comparison_rows(comparison)
            .into_iter()
            .map(|(name, cells)| [name.to_owned()].into_iter().chain(cells).collect())
            .collect(),
    };
    let differences = Data {
        head: columns("what"),
        rows: comparison
            .differences
            .iter()
            .map(|d| {
                [d.what.clone()]
                    .into_iter()
                    .chain(d.values.iter().cloned())
                    .collect()
            })
            .collect(),
    };
    let other_questions = comparison
        .differences
        .iter()
        .filter(|d| d.different_question);
    let other_questions: Vec<&str> = other_questions.map(|d| d.what.as_str()).collect();
    let lead = match (
        comparison.differences.is_empty(),
        other_questions.is_empty(),
    ) {
        (true, _) => "The runs were the same but for when they ran.".to_owned(),
        (_, true) => "The load was the same; these were not.".to_owned(),
        (_, false) => format!(
            "The runs answer different questions, so compare their figures with care: {}.",
            other_questions.join(", ")
        ),
    };
    let body: Markup = html! {
        header.plain {
            p.origin { span.brand { "Tenfold" } span { "comparison" } }
            h1 { (comparison.names.len()) " runs side by side" }
            p.lead { (lead) }
        }
        main {
            (section("figures", "Figures", "", &table(&figures)))
            @if !comparison.differences.is_empty() {
                (section("differences", "Not the same in all runs", "", &table(&differences)))
            }
        }
    };
    page::page("comparison", &body)
}

/// What to call a figure, and how to say it of a run.
type Aspect = (&'static str, fn(&Summary) -> String);

/// Sets the figures that are compared, a row each, run by run.
pub(crate) fn comparison_rows(comparison: &Comparison) -> Vec<(&'static str, Vec<String>)> {
    let aspects: [Aspect; 17] = [
        ("measurement", |s| {
            sentence::measurement(s.verdict.measurement).to_owned()
        }),
        ("objectives", |s| sentence::slo(s.verdict.slo).to_owned()),
        ("offered rate", |s| words::rate(s.rate_per_s.offered)),
        ("achieved rate", |s| words::rate(s.rate_per_s.achieved)),
        ("completed", |s| words::count(s.arrivals.completed)),
        ("failed", |s| words::count(s.arrivals.failed)),
        ("dropped", |s| words::count(s.arrivals.dropped)),
        ("response p50", |s| {
            words::maybe_duration(s.latency_ns.response.p50)
        }),
        ("response p90", |s| {
            words::maybe_duration(s.latency_ns.response.p90)
        }),
        ("response p99", |s| {
            words::maybe_duration(s.latency_ns.response.p99)
        }),
        ("response p99, 95% interval", |s| {
            s.latency_ns.response.interval_95.p99.map_or_else(
                || "–".to_owned(),
                |[low, high]| format!("{} – {}", words::duration(low), words::duration(high)),
            )
        }),
        ("response p99.9", |s| {
            words::maybe_duration(s.latency_ns.response.p999)
        }),
        ("service p50", |s| {
            words::maybe_duration(s.latency_ns.service.p50)
        }),
        ("service p99", |s| {
            words::maybe_duration(s.latency_ns.service.p99)
        }),
        ("read p99", |s| {
            words::maybe_duration(s.reads.latency_ns.response.p99)
        }),
        ("write p99", |s| {
            words::maybe_duration(s.writes.latency_ns.response.p99)
        }),
        ("service processor, µs a request", |s| {
            let usage = s
                .target_usage
                .as_ref()
                .and_then(|usage| usage.cpu_us_per_request);
            usage.map_or_else(|| "–".to_owned(), words::significant)
        }),
    ];
    aspects
        .into_iter()
        .map(|(name, of)| (name, comparison.summaries.iter().map(of).collect()))
        .collect()
}
