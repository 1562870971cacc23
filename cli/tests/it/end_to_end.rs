//! Default scenario against the reference service, from end to end.

use crate::support;

use serde_json::Value;
use support::{Workplace, read_json};

fn count(summary: &Value, pointer: &str) -> f64 {
    summary
        .pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("no {pointer}"))
}

#[test]
fn runs_and_reports_default_scenario() {
    let place = Workplace::profiled();
    let ended = place
        .run(&[
            "run", "uneven", "--rate", "120/s", "-d", "12s", "--out", "run", "--json",
        ])
        .expect(0);
    let summary = ended.json();
    assert_eq!(summary, read_json(&place.path("run/summary.json")));
    assert_ne!(
        summary.pointer("/verdict/measurement").unwrap(),
        "invalid",
        "{summary:#}"
    );
    assert_eq!(
        summary.pointer("/verdict/slo").unwrap(),
        "met",
        "{summary:#}"
    );
    assert_eq!(count(&summary, "/arrivals/failed"), 0.0);
    assert_eq!(count(&summary, "/arrivals/dropped"), 0.0);
    let of_kind = |kind: &str| -> f64 {
        let requests = summary["requests"].as_array().unwrap();
        let planned = requests.iter().filter(|request| request["kind"] == kind);
        planned
            .map(|request| count(request, "/arrivals/planned"))
            .sum()
    };
    // Each block of 101 arrivals has one write; warm-up and end may divide a block.
    let (reads, writes) = (of_kind("read"), of_kind("write"));
    let difference = reads - 100.0 * writes;
    assert!(difference.abs() <= 200.0, "{reads} reads, {writes} writes");
    for identity in summary["identities"].as_array().unwrap() {
        assert_eq!(identity["holds"], true, "{identity:#}");
    }
    let report = std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(
        report.contains("<svg") && !report.contains("src=\"http"),
        "not one whole file"
    );
    for name in [
        "manifest.json",
        "counts.json",
        "timeline.json",
        "host.json",
        "intervals.hlog",
    ] {
        assert!(place.path("run").join(name).exists(), "{name} is missing");
    }
    let profile = read_json(&place.path("run/profile/profile.json"));
    assert!(count(&profile, "/captured") > 0.0 && count(&profile, "/expected") > 0.0);
    // The report can be rendered again from the directory alone.
    std::fs::remove_file(place.path("run/report.html")).unwrap();
    place.run(&["report", "run"]).expect(0);
    assert!(place.path("run/report.html").exists());
}
