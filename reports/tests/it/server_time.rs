//! Where the time of sampled requests goes, in reports.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_reports::run::{digest, page};
use tenfold_run_dir::Run;
use tenfold_run_dir::server_timing::SampledRequest;

const US: u64 = 1_000;

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

/// Returns a run whose first request waits for a pool in the slowest 4%; the second is sampled too rarely.
fn run() -> Run {
    let mut run = plain();
    let mut add = |request, response_us: u64, metrics: &[(&str, u64)]| {
        let metrics = metrics
            .iter()
            .map(|(name, us)| ((*name).to_owned(), us * US));
        let metrics: Vec<(String, u64)> = metrics.collect();
        run.server_timing.add(&SampledRequest {
            request,
            response_ns: response_us * US,
            lag_ns: 50 * US,
            blocked_ns: 0,
            service_ns: (response_us - 50) * US,
            metrics: (!metrics.is_empty()).then_some(&metrics[..]),
        });
    };
    for number in 0..1_000 {
        let pool = if number < 40 { 40_000 } else { 0 };
        let parts = [
            ("cpu", 300),
            ("pool", pool),
            ("sql", 500),
            ("total", 820 + pool),
        ];
        add(0, 1_000 + pool, &parts);
    }
    add(0, 1_000, &[]);
    for _ in 0..20 {
        add(1, 900, &[("view", 400), ("db", 500)]);
    }
    run
}

#[test]
fn terminal_names_largest_parts() {
    let text = digest(&summarise(&run())).terminal(false);
    let from = text.find("  where the time goes").unwrap();
    let lines: Vec<&str> = text[from..].lines().take(3).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn section_has_parts_of_median_and_p99() {
    let markdown = page(&run(), &summarise(&run())).markdown();
    let from = markdown.find("## Where the time goes").unwrap();
    let to = markdown[from + 5..].find("\n## ").unwrap();
    insta::assert_snapshot!(&markdown[from..from + 5 + to]);
}

#[test]
fn page_draws_bars() {
    let html = page(&run(), &summarise(&run())).html();
    assert!(html.contains("id=\"where-the-time-goes\""), "section");
    assert!(html.contains("server-time-0-wide-t"), "bars");
    assert!(html.contains("<title>pool: 9"), "share of the pool");
    // Too few for a bar.
    assert!(!html.contains("server-time-1-wide-t"));
}

#[test]
fn run_without_sampled_requests_has_no_section() {
    let run = plain();
    let summary = summarise(&run);
    assert!(summary.server_time.is_empty());
    assert!(!page(&run, &summary).html().contains("Where the time goes"));
    assert!(
        !digest(&summary)
            .terminal(false)
            .contains("where the time goes")
    );
}
