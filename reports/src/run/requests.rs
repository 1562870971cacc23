//! The requests, and the popularity of their keys.

use std::collections::BTreeMap;

use tenfold_analysis::{HotKeys, Summary, format};
use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blame;

use crate::chart::{self, Ink};
use crate::document::{Block, Chart, Section, Table};
use crate::run::latencies;

/// Returns latencies and outcomes of each request.
pub(super) fn requests(summary: &Summary) -> Section {
    let sent = || {
        summary
            .requests
            .iter()
            .filter(|request| request.arrivals.planned > 0)
    };
    let counts = sent().map(|request| {
        let arrivals = &request.arrivals;
        let numbers = [
            arrivals.planned,
            arrivals.completed,
            arrivals.failed,
            arrivals.dropped,
        ];
        let kind = format!("{} {}", request.method, request.kind);
        [request.name.clone(), kind]
            .into_iter()
            .chain(numbers.map(format::count))
            .chain([
                listed(&request.statuses),
                listed(&blamed(&request.failures)),
                format::bytes(request.body_bytes),
            ])
            .collect()
    });
    let head = [
        "request",
        "kind",
        "planned",
        "completed",
        "failed",
        "dropped",
        "statuses",
        "failures",
        "bodies",
    ];
    let latencies = sent().map(|request| (request.name.as_str(), &request.latency_ns.response));
    let unsent = summary.requests.iter();
    let unsent: Vec<&str> = unsent
        .filter(|request| request.arrivals.planned == 0)
        .map(|request| request.name.as_str())
        .collect();
    let mut blocks = vec![
        Block::Table(latencies::table("request", latencies)),
        Block::Table(Table::new(&head, counts)),
    ];
    if !unsent.is_empty() {
        let names = unsent.join(", ");
        blocks.push(Block::Note(format!(
            "Not sent in the counted phases: {names}."
        )));
    }
    Section::new(
        "requests",
        "Requests",
        "Response times, then outcomes.",
        blocks,
    )
}

/// Adds to each class the side that it is blamed on, if that is not the service.
fn blamed(failures: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let named = failures.iter().map(|(class, count)| match blame(class) {
        None | Some(Blame::Service) => (class.clone(), *count),
        Some(side) => (format!("{class} (of the {})", side.name()), *count),
    });
    named.collect()
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts
        .iter()
        .map(|(name, count)| format!("{name} × {}", format::count(*count)));
    match counts.collect::<Vec<_>>().join(", ") {
        listed if listed.is_empty() => "–".to_owned(),
        listed => listed,
    }
}

/// Returns the shares of the most popular keys. `None` without keys.
pub(super) fn hot_keys(summary: &Summary) -> Option<Section> {
    let spaces = summary.hot_keys.iter().enumerate();
    let blocks = spaces.flat_map(|(number, keys)| {
        let legend = [(Ink::Reads, "measured"), (Ink::Writes, "theory")];
        [
            Block::Heading(format!("{}: {}", keys.key_space, keys.popularity)),
            Block::Note(format!(
                "{} requests for {} keys.",
                format::count(keys.requests),
                format::count(keys.keys)
            )),
            // An id is markup, so it never contains text of the scenario.
            Chart::block(
                chart::hot_keys(keys, format!("keys-{number}")),
                &legend,
                shares(keys),
            ),
        ]
    });
    let blocks: Vec<Block> = blocks.collect();
    let lead = "Share of the load on the most popular keys.";
    (!blocks.is_empty()).then(|| Section::new("hot-keys", "Hot keys", lead, blocks))
}

fn shares(keys: &HotKeys) -> Table {
    let rows = keys.shares.iter().map(|share| {
        let [low, high] = share.interval_95.map(format::percent);
        vec![
            format::count(share.top),
            format::percent(share.measured),
            format!("{low} – {high}"),
            share.theory.map_or_else(|| "–".to_owned(), format::percent),
        ]
    });
    Table::new(
        &["most popular", "measured", "95% interval", "theory"],
        rows,
    )
}
