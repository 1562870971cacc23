//! The requests, and the popularity of their keys.

use std::collections::BTreeMap;

use tenfold_analysis::{Charts, HotKeys, Summary, format};

use crate::chart::{self, Description, Ink};
use crate::document::{Block, Chart, Section, Table};
use crate::run::latencies;

/// Inks of requests in one chart.
const INKS: [Ink; 6] = [
    Ink::Response,
    Ink::Service,
    Ink::Writes,
    Ink::Unlagged,
    Ink::Lag,
    Ink::Offered,
];

/// Returns latencies and outcomes of each request.
pub(super) fn requests(summary: &Summary, charts: &Charts) -> Section {
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
                listed(&request.failures),
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
    blocks.extend(together(charts));
    blocks.extend(each(charts));
    if !unsent.is_empty() {
        let names = unsent.join(", ");
        blocks.push(Block::Note(format!(
            "Not sent in the counted phases: {names}."
        )));
    }
    Section::new(
        "requests",
        "Requests",
        "Response times, outcomes, and the response time of each request by percentile and over time.",
        blocks,
    )
}

/// Returns the p99 of all requests over time, in one chart; nothing for a single request.
fn together(charts: &Charts) -> Option<Block> {
    let requests = &charts.requests[..charts.requests.len().min(INKS.len())];
    let longest = requests.iter().max_by_key(|request| request.at_s.len())?;
    if requests.len() < 2 {
        return None;
    }
    let rows = longest.at_s.iter().map(|at| {
        let cells = requests.iter().map(|request| {
            // Requests may have bins of different widths.
            let bins = request.at_s.iter().zip(&request.p99);
            let mut within =
                bins.filter(|(middle, _)| (**middle - at).abs() <= request.bin_s / 2.0);
            format::maybe_duration(within.next().and_then(|(_, ns)| *ns))
        });
        [seconds(*at)].into_iter().chain(cells).collect()
    });
    let names = requests.iter().map(|request| request.name.as_str());
    let head: Vec<&str> = ["at"].into_iter().chain(names.clone()).collect();
    let table = Table::new(&head, rows);
    let description = Description {
        id: "requests-p99".to_owned(),
        title: "Response time of each request at p99 over time".to_owned(),
        text: "A line breaks if an interval has too few requests.".to_owned(),
        at: longest.at_s.clone(),
    };
    let lines: Vec<(&[f64], &[Option<u64>], Ink)> = requests
        .iter()
        .zip(INKS)
        .map(|(request, ink)| (request.at_s.as_slice(), request.p99.as_slice(), ink))
        .collect();
    let legend: Vec<(Ink, &str)> = INKS.into_iter().zip(names).collect();
    let svg = chart::latencies(charts, &description, &lines);
    Some(Block::Details(
        "Response time at p99 of the requests over time".to_owned(),
        vec![Chart::block(svg, &legend, table)],
    ))
}

/// Returns a curve and a line over time for each request, folded away.
fn each(charts: &Charts) -> impl Iterator<Item = Block> {
    charts.requests.iter().map(|request| {
        let curve = latencies::curve_chart(
            Description {
                // An id is markup, so it never contains text of the scenario.
                id: format!("request-{}-curve", request.request),
                title: format!("Response time of {} by percentile", request.name),
                text: format!("{} samples.", format::count(request.curve.count)),
                at: Vec::new(),
            },
            &[(&request.curve, Ink::Response)],
            &[(Ink::Response, "response time by percentile")],
            &[("response", &request.curve)],
            false,
        );
        let description = Description {
            id: format!("request-{}-line", request.request),
            title: format!("Response time of {} over time", request.name),
            text: "Median and 99th percentile. A line breaks if an interval has too few requests."
                .to_owned(),
            at: request.at_s.clone(),
        };
        let lines = [
            (
                request.at_s.as_slice(),
                request.p99.as_slice(),
                Ink::Response,
            ),
            (
                request.at_s.as_slice(),
                request.p50.as_slice(),
                Ink::Service,
            ),
        ];
        let values = request.p50.iter().zip(&request.p99);
        let rows = request.at_s.iter().zip(values).map(|(at, (p50, p99))| {
            vec![
                seconds(*at),
                format::maybe_duration(*p50),
                format::maybe_duration(*p99),
            ]
        });
        let over_time = Chart::block(
            chart::latencies(charts, &description, &lines),
            &[
                (Ink::Response, "p99 over time"),
                (Ink::Service, "median over time"),
            ],
            Table::new(&["at", "p50", "p99"], rows),
        );
        Block::Details(
            format!("{}: by percentile and over time", request.name),
            vec![curve, over_time],
        )
    })
}

fn seconds(at_s: f64) -> String {
    format!("{} s", format::significant(at_s))
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
