//! Latency by percentile.

use tenfold_analysis::{Charts, Latency, PercentileCurve, Summary, format};

use crate::chart::{Description, Ink, percentile_position, percentiles};
use crate::document::{Block, Chart, Section, Table};

/// Returns response time, response time without the generator's lag, and service time by percentile.
pub(super) fn by_percentile(summary: &Summary, charts: &Charts) -> Section {
    let latencies = &summary.latency_ns;
    let unlagged = latencies.response_without_lag.p99;
    let description = Description {
        id: "percentiles".to_owned(),
        title: "Latency by percentile".to_owned(),
        at: Vec::new(),
        text: format!(
            "Response time at p99 is {}, {}service time {}.",
            format::maybe_duration(latencies.response.p99),
            unlagged.map_or_else(String::new, |ns| format!(
                "without the generator's lag {}, ",
                format::duration(ns)
            )),
            format::maybe_duration(latencies.service.p99)
        ),
    };
    let lines = [
        (
            &charts.response,
            Ink::Response,
            "response",
            "response: from the intended time",
        ),
        (
            &charts.unlagged,
            Ink::Unlagged,
            "without lag",
            "without lag: if the generator had been on time",
        ),
        (
            &charts.service,
            Ink::Service,
            "service",
            "service: from sending",
        ),
    ];
    // Runs of older versions have no curve without lag.
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|(curve, ..)| curve.count > 0)
        .collect();
    let curves: Vec<_> = lines
        .iter()
        .map(|(curve, ink, ..)| (*curve, *ink))
        .collect();
    let legend: Vec<_> = lines
        .iter()
        .map(|(_, ink, _, label)| (*ink, *label))
        .collect();
    let named: Vec<_> = lines
        .iter()
        .map(|(curve, _, name, _)| (*name, *curve))
        .collect();
    let rows = [
        ("response", &latencies.response),
        ("response without lag", &latencies.response_without_lag),
        ("service", &latencies.service),
        ("first byte", &latencies.first_byte),
        ("blocked", &latencies.blocked),
        ("lag", &latencies.lag),
    ];
    Section::new(
        "latency-by-percentile",
        "Latency by percentile",
        format!(
            "{} A curve ends where fewer than ten samples lie beyond it.",
            gap(summary)
        ),
        vec![
            curve_chart(description, &curves, &legend, &named, true),
            Block::Table(table("latency", rows)),
        ],
    )
}

/// Explains the space between the curves.
fn gap(summary: &Summary) -> String {
    let (response, unlagged) = (
        &summary.latency_ns.response,
        &summary.latency_ns.response_without_lag,
    );
    if unlagged.count == 0 {
        return "The space between response and service is the generator's own lag plus the wait for an \
                idle user. This run was recorded by a version that could not separate the two."
            .to_owned();
    }
    let mut gap = "The shaded space between the response curve and the curve without lag is the \
                   generator's own lateness, not the service's. The space between the curve without lag \
                   and the service curve is the wait for an idle user: users feel it, and a tool that \
                   only times requests hides it."
        .to_owned();
    if let (Some(response), Some(unlagged)) = (response.p99, unlagged.p99) {
        gap.push_str(&format!(
            " At p99 the response time is {}; without the generator's lag it would be {}.",
            format::duration(response),
            format::duration(unlagged)
        ));
    }
    gap
}

/// Returns response times of reads and of writes.
pub(super) fn reads_and_writes(summary: &Summary, charts: &Charts) -> Section {
    let description = Description {
        id: "kinds".to_owned(),
        title: "Response time of reads and writes by percentile".to_owned(),
        at: Vec::new(),
        text: format!(
            "At p99, reads took {} and writes {}.",
            format::maybe_duration(summary.reads.latency_ns.response.p99),
            format::maybe_duration(summary.writes.latency_ns.response.p99)
        ),
    };
    let groups = [("reads", &summary.reads), ("writes", &summary.writes)];
    let rates = groups.iter().map(|(name, group)| {
        let arrivals = &group.arrivals;
        let counts = [
            arrivals.planned,
            arrivals.completed,
            arrivals.failed,
            arrivals.dropped,
        ];
        let rates = [group.rate_per_s.offered, group.rate_per_s.achieved];
        [(*name).to_owned()]
            .into_iter()
            .chain(counts.map(format::count))
            .chain(rates.map(format::rate))
            .collect()
    });
    let head = [
        "kind",
        "planned",
        "completed",
        "failed",
        "dropped",
        "offered",
        "achieved",
    ];
    let curves = [(&charts.reads, Ink::Reads), (&charts.writes, Ink::Writes)];
    let named = [("reads", &charts.reads), ("writes", &charts.writes)];
    let latencies = groups.map(|(name, group)| (name, &group.latency_ns.response));
    Section::new(
        "reads-and-writes",
        "Reads and writes",
        "Response times of reads and of writes.",
        vec![
            curve_chart(
                description,
                &curves,
                &[(Ink::Reads, "reads"), (Ink::Writes, "writes")],
                &named,
                false,
            ),
            Block::Table(table("response time", latencies)),
            Block::Table(Table::new(&head, rates)),
        ],
    )
}

/// Returns a table of latencies, each with its count and the interval of its p99. Latencies without samples
/// are left out.
pub(super) fn table<'a>(
    name: &str,
    rows: impl IntoIterator<Item = (&'a str, &'a Latency)>,
) -> Table {
    let rows = rows.into_iter().filter(|(_, latency)| latency.count > 0);
    let rows = rows.map(|(name, latency)| {
        let figures = [
            latency.mean,
            latency.p50,
            latency.p90,
            latency.p95,
            latency.p99,
            latency.p999,
            latency.max,
        ];
        [name.to_owned(), format::count(latency.count)]
            .into_iter()
            .chain(figures.map(format::maybe_duration))
            .chain([interval(latency.interval_95.p99)])
            .collect()
    });
    let head = [
        name,
        "n",
        "mean",
        "p50",
        "p90",
        "p95",
        "p99",
        "p99.9",
        "max",
        "p99, 95% interval",
    ];
    Table::new(&head, rows)
}

/// Formats the interval of a percentile.
pub(crate) fn interval(interval: Option<[u64; 2]>) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |[low, high]| format!("{} – {}", format::duration(low), format::duration(high)),
    )
}

/// Returns a chart of curves by percentile, with the table behind it.
pub(crate) fn curve_chart(
    description: Description,
    curves: &[(&PercentileCurve, Ink)],
    legend: &[(Ink, &str)],
    named: &[(&str, &PercentileCurve)],
    fill: bool,
) -> Block {
    let (at, table) = curve_table(named);
    let description = Description { at, ..description };
    Chart::block(percentiles(&description, curves, fill), legend, table)
}

/// Returns a row for each round percentile, and the position of each row on the axis.
fn curve_table(curves: &[(&str, &PercentileCurve)]) -> (Vec<f64>, Table) {
    let quantiles = [
        0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999,
    ];
    let rows = quantiles.into_iter().map(|quantile| {
        let percentile = format!("{:.4}", quantile * 100.0);
        let percentile = percentile
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned();
        let values: Vec<_> = curves.iter().map(|(_, curve)| curve.at(quantile)).collect();
        let is_known = values.iter().any(Option::is_some);
        let cells = values.into_iter().map(format::maybe_duration);
        let row: Vec<String> = [percentile].into_iter().chain(cells).collect();
        is_known.then(|| (percentile_position(quantile), row))
    });
    let names = curves.iter().map(|(name, _)| *name);
    let head: Vec<&str> = ["percentile"].into_iter().chain(names).collect();
    let (at, rows): (Vec<f64>, Vec<Vec<String>>) = rows.flatten().unzip();
    (at, Table::new(&head, rows))
}
