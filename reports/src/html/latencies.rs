//! Latency by percentile.

use maud::{Markup, html};
use tenfold_analysis::{Charts, Latency, PercentileCurve, Summary, words};

use crate::chart::{Description, Ink, percentiles};
use crate::html::figures::{Data, figure, head, section, table};

/// Sets response time, response time without the generator's lag, and service time by percentile.
pub(crate) fn by_percentile(summary: &Summary, charts: &Charts) -> Markup {
    let description = Description {
        id: "percentiles".to_owned(),
        title: "Latency by percentile".to_owned(),
        text: format!(
            "Response time at p99 is {}, {}service time {}.",
            words::maybe_duration(summary.latency_ns.response.p99),
            match summary.latency_ns.response_without_lag.p99 {
                Some(ns) => format!("without the generator's lag {}, ", words::duration(ns)),
                None => String::new(),
            },
            words::maybe_duration(summary.latency_ns.service.p99)
        ),
    };
    // A run of an older version has no curve without lag.
    let lines = [
        (
            &charts.response,
            Ink::Response,
            "response",
            "response: from the intended moment",
        ),
        (
            &charts.unlagged,
            Ink::Unlagged,
            "without lag",
            "without lag: had the generator been on time",
        ),
        (
            &charts.service,
            Ink::Service,
            "service",
            "service: from sending",
        ),
    ];
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
        .map(|(_, ink, _, told)| (*ink, *told))
        .collect();
    let named: Vec<_> = lines
        .iter()
        .map(|(curve, _, name, _)| (*name, *curve))
        .collect();
    let content = html! {
        (figure(
            percentiles(&description, &curves, true),
            &legend,
            &curve_table(&named),
        ))
        (table(&latency_table(&[
            ("response", &summary.latency_ns.response),
            ("response without lag", &summary.latency_ns.response_without_lag),
            ("service", &summary.latency_ns.service),
            ("first byte", &summary.latency_ns.first_byte),
            ("blocked", &summary.latency_ns.blocked),
            ("lag", &summary.latency_ns.lag),
        ])))
    };
    let lead = format!(
        "{} Curves end where fewer than ten samples lie beyond.",
        gap(summary)
    );
    section(
        "latency-by-percentile",
        "Latency by percentile",
        &lead,
        &content,
    )
}

/// Says what lies between the curves.
fn gap(summary: &Summary) -> String {
    let (response, unlagged) = (
        &summary.latency_ns.response,
        &summary.latency_ns.response_without_lag,
    );
    if unlagged.count == 0 {
        return "The space between response and service is the generator's own lag and the wait for an \
                idle user together; this run was recorded before they could be told apart."
            .to_owned();
    }
    let mut gap = "What lies between response and the line without lag (shaded) is the generator's own \
                   grain, not the service's doing; what lies between that line and service is the wait \
                   for an idle user, which users feel and which a tool that times requests only hides."
        .to_owned();
    if let (Some(response), Some(unlagged)) = (response.p99, unlagged.p99) {
        gap.push_str(&format!(
            " At p99 the response time is {}, and without the generator's lag it would be {}.",
            words::duration(response),
            words::duration(unlagged)
        ));
    }
    gap
}

/// Sets reads and writes apart.
pub(crate) fn reads_and_writes(summary: &Summary, charts: &Charts) -> Markup {
    let description = Description {
        id: "kinds".to_owned(),
        title: "Response time of reads and writes by percentile".to_owned(),
        text: format!(
            "At p99, reads took {} and writes {}.",
            words::maybe_duration(summary.reads.latency_ns.response.p99),
            words::maybe_duration(summary.writes.latency_ns.response.p99)
        ),
    };
    let groups = [("reads", &summary.reads), ("writes", &summary.writes)];
    let rates = Data {
        head: head(&[
            "",
            "planned",
            "completed",
            "failed",
            "dropped",
            "offered",
            "achieved",
        ]),
        rows: groups
            .iter()
            .map(|(name, group)| {
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
                    .chain(counts.map(words::count))
                    .chain(rates.map(words::rate))
                    .collect()
            })
            .collect(),
    };
    let content = html! {
        (figure(
            percentiles(&description, &[(&charts.reads, Ink::Reads), (&charts.writes, Ink::Writes)], false),
            &[(Ink::Reads, "reads"), (Ink::Writes, "writes")],
            &curve_table(&[("reads", &charts.reads), ("writes", &charts.writes)]),
        ))
        (table(&latency_table(&[
            ("reads", &summary.reads.latency_ns.response),
            ("writes", &summary.writes.latency_ns.response),
        ])))
        (table(&rates))
    };
    section(
        "reads-and-writes",
        "Reads and writes",
        "Response times, apart.",
        &content,
    )
}

/// Sets latencies side by side, each with its count and the interval of its p99.
pub(crate) fn latency_table(rows: &[(&str, &Latency)]) -> Data {
    Data {
        head: head(&[
            "",
            "n",
            "mean",
            "p50",
            "p90",
            "p95",
            "p99",
            "p99.9",
            "max",
            "p99, 95% interval",
        ]),
        rows: rows
            .iter()
            .filter(|(_, latency)| latency.count > 0)
            .map(|(name, latency)| {
                let figures = [
                    latency.mean,
                    latency.p50,
                    latency.p90,
                    latency.p95,
                    latency.p99,
                    latency.p999,
                    latency.max,
                ];
                [(*name).to_owned(), words::count(latency.count)]
                    .into_iter()
                    .chain(figures.map(words::maybe_duration))
                    .chain([interval(latency.interval_95.p99)])
                    .collect()
            })
            .collect(),
    }
}

fn interval(interval: Option<[u64; 2]>) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |[low, high]| format!("{} – {}", words::duration(low), words::duration(high)),
    )
}

fn curve_table(curves: &[(&str, &PercentileCurve)]) -> Data {
    let quantiles = [
        0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999,
    ];
    let rows = quantiles.into_iter().map(|quantile| {
        let percentile = format!("{:.4}", quantile * 100.0);
        let percentile = percentile
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned();
        let values = curves.iter().map(|(_, curve)| curve.at(quantile));
        (percentile, values.collect::<Vec<_>>())
    });
    Data {
        head: ["percentile"]
            .into_iter()
            .chain(curves.iter().map(|(n, _)| *n))
            .map(str::to_owned)
            .collect(),
        rows: rows
            .filter(|(_, values)| values.iter().any(Option::is_some))
            .map(|(percentile, values)| {
                [percentile]
                    .into_iter()
                    .chain(values.into_iter().map(words::maybe_duration))
                    .collect()
            })
            .collect(),
    }
}
