//! Redirects, retries, connections per request, cookies and traces.

use tenfold_analysis::{Summary, format};
use tenfold_run_dir::counts::{TracedRequest, TravelCounts};

use crate::document::{Block, Fact, Section, Table, Tone};

/// Returns a line for each kind of request that is not plain. `None` if all requests were plain.
pub(super) fn facts(summary: &Summary) -> Option<Vec<Fact>> {
    let mut all = TravelCounts::default();
    for request in &summary.requests {
        all.add(&request.travel);
    }
    let mut facts = Vec::new();
    if all.redirects > 0 {
        let elsewhere = match all.elsewhere {
            0 => String::new(),
            some => format!(", {} of them to other origins", format::count(some)),
        };
        facts.push(Fact::new(
            "redirects",
            format!(
                "{} followed by {} requests{elsewhere}. A request's response time includes its redirects",
                format::count(all.redirects),
                format::count(all.redirected)
            ),
        ));
    }
    if all.retries > 0 {
        let text = format!(
            "{} requests sent again on a new connection, because the service had closed theirs",
            format::count(all.retries)
        );
        facts.push(Fact::new("retries", text).toned(Some(Tone::Caution)));
    }
    if all.own_connections > 0 {
        facts.push(Fact::new(
            "keep-alive",
            format!(
                "off: {} connections opened for one request each, as the scenario asks",
                format::count(all.own_connections)
            ),
        ));
    }
    if all.cookies_refused > 0 {
        let text = format!(
            "{} not kept: longer than 4 KiB, for a whole top-level domain, or more than 50 of one user",
            format::count(all.cookies_refused)
        );
        facts.push(Fact::new("cookies", text).toned(Some(Tone::Caution)));
    }
    if all.traced > 0 {
        let slowest = summary
            .traces
            .iter()
            .filter(|trace| trace.failure.is_none())
            .max_by_key(|trace| trace.response_ns);
        facts.push(Fact {
            more: slowest
                .map(|trace| {
                    format!(
                        "slowest: {}, {}, trace {}{}",
                        name(summary, trace),
                        format::duration(trace.response_ns),
                        trace.trace_id,
                        if trace.sampled { "" } else { " (not sampled)" }
                    )
                })
                .into_iter()
                .collect(),
            ..Fact::new(
                "traces",
                format!("{} requests with a traceparent", format::count(all.traced)),
            )
        });
    }
    (!facts.is_empty()).then_some(facts)
}

/// Returns redirects, retries and traces of each request. `None` if all requests were plain.
pub(super) fn section(summary: &Summary) -> Option<Section> {
    let facts = facts(summary)?;
    let mut blocks = vec![Block::Facts(facts)];
    let rows = summary
        .requests
        .iter()
        .filter(|request| !request.travel.is_empty())
        .map(|request| {
            let travel = &request.travel;
            let numbers = [
                travel.redirects,
                travel.elsewhere,
                travel.retries,
                travel.own_connections,
                travel.traced,
            ];
            let exchanges = request.exchanges_ns.iter();
            let exchanges: Vec<String> = exchanges
                .map(|exchange| format!("{} × {}", format::duration(exchange.p50), exchange.count))
                .collect();
            std::iter::once(request.name.clone())
                .chain(numbers.map(format::count))
                .chain([match exchanges.is_empty() {
                    true => "–".to_owned(),
                    false => exchanges.join(" → "),
                }])
                .collect()
        });
    let head = [
        "request",
        "redirects",
        "to other origins",
        "retries",
        "own connections",
        "traced",
        "median of each exchange",
    ];
    blocks.push(Block::Table(Table::new(&head, rows)));
    let traces = summary.traces.iter().map(|trace| {
        vec![
            name(summary, trace).to_owned(),
            trace.failure.clone().unwrap_or_else(|| "slow".to_owned()),
            format::duration(trace.response_ns),
            format::duration(trace.at_ns),
            trace.trace_id.clone(),
            if trace.sampled { "yes" } else { "no" }.to_owned(),
        ]
    });
    let head = [
        "request",
        "reason",
        "response time",
        "at",
        "trace id",
        "sampled",
    ];
    let table = Table {
        traces: head.iter().position(|name| *name == "trace id"),
        ..Table::new(&head, traces)
    };
    if !table.rows.is_empty() {
        blocks.push(Block::Heading("Traces".to_owned()));
        blocks.push(Block::Note(
            "The slowest requests, and the first failures of each class. Look the ids up in the traces of the \
             service."
                .to_owned(),
        ));
        blocks.push(Block::Table(table));
    }
    Some(Section::new(
        "travel",
        "Redirects, retries and traces",
        "Counted phases only. The exchanges of redirected requests are timed one by one.",
        blocks,
    ))
}

fn name<'a>(summary: &'a Summary, trace: &TracedRequest) -> &'a str {
    let request = summary.requests.get(trace.request);
    request.map_or("", |request| request.name.as_str())
}
