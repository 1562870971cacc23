//! Checks, journeys and samples in reports.

use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_reports::run::{digest, page};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::{CheckCounts, JourneyCounts};
use tenfold_run_dir::sample::Sample;

/// Returns a run with a failed check, and with a journey that was cut off.
fn run() -> Run {
    let mut run = MadeUp {
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 1,
            counted_s: 2,
            even: true,
        },
        ..MadeUp::default()
    }
    .play();
    let counted = run.counts.phases.len() - 1;
    let counts = &mut run.counts.phases[counted][0];
    let check = |passed, failed| CheckCounts { passed, failed };
    counts.completed -= 7;
    counts.failed += 7;
    counts.failures.insert("failed_check".to_owned(), 7);
    counts
        .checks
        .insert("has items".to_owned(), check(1_234, 7));
    counts.checks.insert("is json".to_owned(), check(1_241, 0));
    run.counts.journeys = vec![JourneyCounts {
        name: "browse".to_owned(),
        begun: 1_000,
        completed: 990,
        failed: 4,
        cut_off: 1,
        unfinished: 5,
        cut_off_because: Some("`while = 'more'` held for 20 turns".to_owned()),
    }];
    let sample = Sample {
        request: run.manifest.requests[0].name.clone(),
        failure: "failed_check".to_owned(),
        check: Some("has items".to_owned()),
        reason: "the JSON value at \"/items/0\" is not there".to_owned(),
        at_ns: 1_500_000_000,
        status: Some(200),
        headers: vec![("set-cookie".to_owned(), "***".to_owned())],
        body: "{\"items\":[],\"html\":\"<script>\u{1b}[31m\"}".to_owned(),
        body_bytes: 37,
        ..Sample::default()
    };
    run.samples = vec![sample; 4];
    run
}

#[test]
fn terminal_has_checks_journeys_and_samples() {
    let document = digest(&summarise(&run()));
    let text = document.terminal(false);
    assert!(
        !text.contains('\u{1b}'),
        "control characters reach the terminal"
    );
    assert!(
        !document.markdown().contains("items\":[]"),
        "a body is published"
    );
    let from = text.find("  failure").unwrap();
    let to = text.find("  generator").unwrap();
    insta::assert_snapshot!(&text[from..to]);
}

#[test]
fn page_has_checks_journeys_and_samples() {
    let run = run();
    let page = page(&run, &summarise(&run)).html();
    for text in [
        "<h2 id=\"checks-h\">Checks</h2>",
        "<h2 id=\"journeys-h\">Journeys</h2>",
        "held for 20 turns",
        "set-cookie: ***",
        "&lt;script&gt;",
    ] {
        assert!(page.contains(text), "{text}");
    }
    // The page's own script.
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn finding_names_the_check() {
    let summary = summarise(&run());
    let mut evidence = summary
        .findings
        .iter()
        .flat_map(|finding| &finding.evidence);
    let expected = "check \"has items\" of `read post` failed 7 of 1,241 times";
    assert!(
        evidence.any(|line| line == expected),
        "{:?}",
        summary.findings
    );
}

#[test]
fn omits_empty_sections() {
    let mut run = run();
    run.samples.clear();
    run.counts.journeys.clear();
    for counts in run.counts.phases.iter_mut().flatten() {
        counts.checks.clear();
    }
    let page = page(&run, &summarise(&run)).html();
    assert!(
        !page.contains("checks-h") && !page.contains("journeys-h") && !page.contains("samples-h")
    );
    let summary = serde_json::to_value(summarise(&run)).unwrap();
    assert!(summary.get("samples").is_none() && summary.get("journeys").is_none());
}
