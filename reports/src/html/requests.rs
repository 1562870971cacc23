//! The requests, one by one, and the keys they ask for.

use std::collections::BTreeMap;

use maud::{Markup, html};
use tenfold_analysis::{HotKeys, Summary, words};

use crate::chart::{self, Ink};
use crate::html::figures::{Data, figure, head, section, table};
use crate::html::latencies::latency_table;

/// Sets the table of requests.
pub(crate) fn requests(summary: &Summary) -> Markup {
    let sent = || {
        summary
            .requests
            .iter()
            .filter(|request| request.arrivals.planned > 0)
    };
    let counts = Data {
        head: head(&[
            "request",
            "kind",
            "planned",
            "completed",
            "failed",
            "dropped",
            "statuses",
            "failures",
            "bodies",
        ]),
        rows: sent()
            .map(|request| {
                let arrivals = &request.arrivals;
                let numbers = [
                    arrivals.planned,
                    arrivals.completed,
                    arrivals.failed,
                    arrivals.dropped,
                ];
                [
                    request.name.clone(),
                    format!("{} {}", request.method, request.kind),
                ]
                .into_iter()
                .chain(numbers.map(words::count))
                .chain([
                    listed(&request.statuses),
                    listed(&request.failures),
                    words::bytes(request.body_bytes),
                ])
                .collect()
            })
            .collect(),
    };
    let latencies: Vec<_> = sent()
        .map(|request| (request.name.as_str(), &request.latency_ns.response))
        .collect();
    let unsent: Vec<&str> = summary
        .requests
        .iter()
        .filter(|request| request.arrivals.planned == 0)
        .map(|request| request.name.as_str())
        .collect();
    let content = html! {
        (table(&latency_table(&latencies)))
        (table(&counts))
        @if !unsent.is_empty() { p.note { "Not sent in the counted phases: " (unsent.join(", ")) "." } }
    };
    section(
        "requests",
        "Request by request",
        "Response times first, then what became of them.",
        &content,
    )
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts
        .iter()
        .map(|(name, count)| format!("{name} × {}", words::count(*count)));
    match counts.collect::<Vec<_>>().join(", ") {
        listed if listed.is_empty() => "–".to_owned(),
        listed => listed,
    }
}

/// Sets the shares of the most popular keys.
pub(crate) fn hot_keys(summary: &Summary) -> Markup {
    let content = html! {
        @for (number, keys) in summary.hot_keys.iter().enumerate() {
            h3 { (keys.key_space) ": " (keys.popularity) }
            p.note {
                (words::count(keys.requests)) " requests for " (words::count(keys.keys)) " keys."
            }
            (figure(
                // An id is a part of the page, so it can't come from a scenario.
                chart::hot_keys(keys, format!("keys-{number}")),
                &[(Ink::Reads, "measured"), (Ink::Writes, "theory")],
                &share_table(keys),
            ))
        }
    };
    html! {
        @if !summary.hot_keys.is_empty() {
            (section("hot-keys", "Hot keys", "How much of the load went to the most popular keys.", &content))
        }
    }
}

fn share_table(keys: &HotKeys) -> Data {
    Data {
        head: head(&["most popular", "measured", "95% interval", "theory"]),
        rows: keys
            .shares
            .iter()
            .map(|share| {
                let [low, high] = share.interval_95.map(words::percent);
                vec![
                    words::count(share.top),
                    words::percent(share.measured),
                    format!("{low} – {high}"),
                    share.theory.map_or_else(|| "–".to_owned(), words::percent),
                ]
            })
            .collect(),
    }
}
