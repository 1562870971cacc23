//! Redirects, retries, connections per request and traces in reports.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{format, summarise};
use tenfold_reports::run::{digest, page};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::{HopTimes, TracedRequest, TravelCounts};
use tenfold_run_dir::durations::{Durations, duration_histogram};

fn plain() -> Run {
    MadeUp {
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 1,
            counted_s: 2,
            even: true,
        },
        ..MadeUp::default()
    }
    .play()
}

/// Returns a run whose first request is redirected, sent again, and traced.
fn run() -> Run {
    let mut run = plain();
    let counted = run.counts.phases.len() - 1;
    run.counts.phases[counted][0].travel = TravelCounts {
        redirected: 120,
        redirects: 180,
        elsewhere: 60,
        retries: 3,
        own_connections: 300,
        cookies_refused: 2,
        traced: 1_000,
    };
    let durations = |value: u64, count| {
        let mut histogram = duration_histogram();
        histogram.record_n(value, count).unwrap();
        Durations::of(&histogram)
    };
    run.counts.hops = vec![HopTimes {
        request: 0,
        exchanges: vec![
            durations(2_000_000, 120),
            durations(5_000_000, 120),
            durations(40_000_000, 60),
        ],
    }];
    let trace = |trace_id: &str, response_ns, failure: Option<&str>| TracedRequest {
        trace_id: trace_id.to_owned(),
        sampled: failure.is_none(),
        at_ns: 1_500_000_000,
        response_ns,
        service_ns: response_ns,
        status: failure.is_none().then_some(200),
        failure: failure.map(str::to_owned),
        ..TracedRequest::default()
    };
    run.counts.traces = vec![
        trace("0af7651916cd43dd8448eb211c80319c", 512_000_000, None),
        trace(
            "b7ad6b7169203331a0b7169203331b7a",
            90_000_000,
            Some("timeout"),
        ),
    ];
    run
}

#[test]
fn terminal_has_a_line_for_each() {
    let text = digest(&summarise(&run())).terminal(false);
    let from = text.find("  redirects").unwrap();
    let to = text.find("  generator").unwrap();
    insta::assert_snapshot!(&text[from..to]);
}

#[test]
fn page_times_each_exchange_and_lists_traces() {
    let run = run();
    let page = page(&run, &summarise(&run)).html();
    let exchanges = run.counts.hops[0].exchanges.iter();
    let exchanges: Vec<String> = exchanges
        .map(|exchange| {
            let summary = exchange.summary();
            format!("{} × {}", format::duration(summary.p50), summary.count)
        })
        .collect();
    assert_eq!(exchanges.len(), 3);
    for text in [
        "Redirects, retries and traces</h2>",
        &exchanges.join(" → "),
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331a0b7169203331b7a",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn plain_run_has_no_such_section() {
    let run = plain();
    let summary = summarise(&run);
    assert!(
        !page(&run, &summary)
            .html()
            .contains("Redirects, retries and traces")
    );
    assert!(!digest(&summary).terminal(false).contains("redirects"));
}
