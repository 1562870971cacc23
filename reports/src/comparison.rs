//! The report of several runs side by side.

use tenfold_analysis::{Comparison, Summary, format};

use crate::document::{Block, Document, Section, Table};
use crate::run::{interval, verdict};

/// Returns the figures of several runs side by side, and the differences between their settings.
pub fn comparison(comparison: &Comparison) -> Document {
    let table = |first: &str, rows: Vec<Vec<String>>| {
        let head = [first]
            .into_iter()
            .chain(comparison.names.iter().map(String::as_str));
        Block::Table(Table::new(&head.collect::<Vec<_>>(), rows))
    };
    let differences = comparison.differences.iter().map(|difference| {
        let values = difference.values.iter().cloned();
        [difference.what.clone()]
            .into_iter()
            .chain(values)
            .collect()
    });
    let differences: Vec<Vec<String>> = differences.collect();
    let figures = vec![table("figure", figures(comparison))];
    let mut sections = vec![Section::new("figures", "Figures", "", figures)];
    if !differences.is_empty() {
        let settings = vec![table("setting", differences)];
        sections.push(Section::new(
            "differences",
            "Different settings",
            "",
            settings,
        ));
    }
    Document {
        origin: vec!["comparison".to_owned()],
        title: format!("{} runs side by side", comparison.names.len()),
        lead: lead(comparison),
        sections,
        ..Document::default()
    }
}

fn lead(comparison: &Comparison) -> String {
    let questions = comparison.differences.iter();
    let questions: Vec<&str> = questions
        .filter(|difference| difference.different_question)
        .map(|difference| difference.what.as_str())
        .collect();
    match (comparison.differences.is_empty(), questions.is_empty()) {
        (true, _) => "The runs differ only in their time.".to_owned(),
        (false, true) => "The load was the same, but other settings differ.".to_owned(),
        (false, false) => format!(
            "The runs answer different questions, so compare their figures with care: {}.",
            questions.join(", ")
        ),
    }
}

/// The name of a figure, and its value for a run.
type Figure = (&'static str, fn(&Summary) -> String);

/// Returns a row for each figure, with a cell for each run.
fn figures(comparison: &Comparison) -> Vec<Vec<String>> {
    let figures: [Figure; 17] = [
        ("measurement", |s| {
            verdict::measurement(s.verdict.measurement).to_owned()
        }),
        ("objectives", |s| verdict::slo(s.verdict.slo).to_owned()),
        ("offered rate", |s| format::rate(s.rate_per_s.offered)),
        ("achieved rate", |s| format::rate(s.rate_per_s.achieved)),
        ("completed", |s| format::count(s.arrivals.completed)),
        ("failed", |s| format::count(s.arrivals.failed)),
        ("dropped", |s| format::count(s.arrivals.dropped)),
        ("response p50", |s| {
            format::maybe_duration(s.latency_ns.response.p50)
        }),
        ("response p90", |s| {
            format::maybe_duration(s.latency_ns.response.p90)
        }),
        ("response p99", |s| {
            format::maybe_duration(s.latency_ns.response.p99)
        }),
        ("response p99, 95% interval", |s| {
            interval(s.latency_ns.response.interval_95.p99)
        }),
        ("response p99.9", |s| {
            format::maybe_duration(s.latency_ns.response.p999)
        }),
        ("service p50", |s| {
            format::maybe_duration(s.latency_ns.service.p50)
        }),
        ("service p99", |s| {
            format::maybe_duration(s.latency_ns.service.p99)
        }),
        ("read p99", |s| {
            format::maybe_duration(s.reads.latency_ns.response.p99)
        }),
        ("write p99", |s| {
            format::maybe_duration(s.writes.latency_ns.response.p99)
        }),
        ("service CPU, µs per request", |s| {
            let usage = s
                .target_usage
                .as_ref()
                .and_then(|usage| usage.cpu_us_per_request);
            usage.map_or_else(|| "–".to_owned(), format::significant)
        }),
    ];
    let rows = figures.into_iter().map(|(name, of)| {
        let cells = comparison.summaries.iter().map(of);
        [name.to_owned()].into_iter().chain(cells).collect()
    });
    rows.collect()
}
