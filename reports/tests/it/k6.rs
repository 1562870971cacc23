//! The k6 summary, compared with an example of k6's `--summary-export`.

#![expect(
    clippy::unwrap_used,
    reason = "the lint does not recognise helpers of tests"
)]

use serde_json::Value;
use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_reports::run::formats::{RunExport, RunResults};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::{self, CheckCounts, JourneyCounts};
use tenfold_run_dir::durations::{self, Durations, RunDurations};

const EXAMPLE: &str = include_str!("../k6-summary.json");

fn of_ms(values: &[(u64, u64)]) -> Durations {
    let mut histogram = durations::duration_histogram();
    for (ms, count) in values {
        histogram.record_n(ms * 1_000_000, *count).unwrap();
    }
    Durations::of(&histogram)
}

/// Returns a run with two checks. Two requests share one of them.
fn played() -> Run {
    let mut run = MadeUp {
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 1,
            counted_s: 8,
            even: false,
        },
        failing: 0.01,
        rules: vec!["p99 < 250ms".to_owned(), "errors < 0.1%".to_owned()],
        ..MadeUp::default()
    }
    .play();
    run.counts.durations = Some(RunDurations {
        opening: of_ms(&[(3, 50)]),
        connecting: of_ms(&[(1, 50)]),
        handshake: of_ms(&[(2, 50)]),
        receiving: of_ms(&[(4, 3_000)]),
        journeys: of_ms(&[(700, 200)]),
    });
    run.counts.traffic = Some(counts::Traffic {
        sent_bytes: 90_000,
        received_bytes: 900_000,
    });
    let counted = run.counts.phases.last_mut().unwrap();
    for (request, name, passed) in [
        (0, "status is 200", 60),
        (1, "status is 200", 40),
        (0, "has an id", 55),
    ] {
        let check = CheckCounts { passed, failed: 2 };
        counted[request].checks.insert(name.to_owned(), check);
    }
    run
}

fn rendered(run: &Run) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("k6.json");
    let export: RunExport = format!("k6={}", file.display()).parse().unwrap();
    let summary = &summarise(run);
    export.write(&RunResults { run, summary }).unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Finds missing keys, and values of different types.
fn differences(path: &str, example: &Value, ours: &Value, found: &mut Vec<String>) {
    match (example, ours) {
        (Value::Object(example), Value::Object(ours)) => {
            // The scenario names checks and thresholds.
            if path.ends_with("/thresholds") || path.ends_with("/checks") && example.len() == 1 {
                let (one, other) = (example.values().next(), ours.values().next());
                return differences(&format!("{path}/*"), one.unwrap(), other.unwrap(), found);
            }
            for (key, value) in example {
                let path = format!("{path}/{key}");
                match ours.get(key) {
                    Some(ours) => differences(&path, value, ours, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn has_the_structure_of_k6() {
    let example: Value = serde_json::from_str(EXAMPLE).unwrap();
    let ours = rendered(&played());
    let mut found = Vec::new();
    differences("", &example, &ours, &mut found);
    assert_eq!(found, ["/metrics/http_req_sending"], "{ours:#}");
    let known = |name: &&String| example["metrics"].get(name.as_str()).is_none();
    let more: Vec<_> = ours["metrics"].as_object().unwrap().keys().collect();
    let more: Vec<_> = more.into_iter().filter(known).collect();
    assert_eq!(more, ["http_req_service"]);
}

#[test]
fn merges_checks_of_the_same_name() {
    let example: Value = serde_json::from_str(EXAMPLE).unwrap();
    let ours = rendered(&played());
    let mut check = example
        .pointer("/root_group/checks/status is 200")
        .unwrap()
        .clone();
    (check["passes"], check["fails"]) = (100.into(), 4.into());
    let checks = &ours["root_group"]["checks"];
    assert_eq!(checks["status is 200"], check);
    assert_eq!(checks.as_object().unwrap().len(), 2);
    assert_eq!(ours["metrics"]["checks"]["passes"], 155);
    assert_eq!(ours["metrics"]["checks"]["fails"], 6);
}

#[test]
fn omits_metric_without_checks() {
    let mut run = played();
    for counts in run.counts.phases.iter_mut().flatten() {
        counts.checks.clear();
    }
    let ours = rendered(&run);
    assert_eq!(ours["metrics"].get("checks"), None);
    assert_eq!(ours["root_group"]["checks"], serde_json::json!({}));
}

#[test]
fn open_connections_count_as_zero_blocked() {
    let ours = rendered(&played());
    let at = |metric: &str, figure: &str| ours["metrics"][metric][figure].as_f64().unwrap();
    // 50 of about 3,600 requests.
    assert_eq!(at("http_req_blocked", "med"), 0.0);
    assert_eq!(at("http_req_connecting", "p(95)"), 0.0);
    assert!((at("http_req_tls_handshaking", "max") - 2.0).abs() < 0.02);
    assert!((at("http_req_receiving", "med") - 4.0).abs() < 0.04);
    assert_eq!(ours["metrics"]["data_sent"]["count"], 90_000);
}

#[test]
fn iterations_are_journeys() {
    let mut run = played();
    let summary = summarise(&run);
    let requests = summary.arrivals.completed + summary.arrivals.failed;
    assert_eq!(rendered(&run)["metrics"]["iterations"]["count"], requests);
    run.counts.journeys = vec![JourneyCounts {
        name: "buy".to_owned(),
        begun: 230,
        completed: 220,
        ..JourneyCounts::default()
    }];
    let ours = rendered(&run);
    // Journeys of the warm-up are not counted.
    assert_eq!(ours["metrics"]["iterations"]["count"], 200);
    let median = ours["metrics"]["iteration_duration"]["med"]
        .as_f64()
        .unwrap();
    assert!((median - 700.0).abs() < 7.0, "{median}");
}

#[test]
fn omits_metrics_of_newer_versions() {
    let mut run = played();
    run.counts.durations = None;
    run.counts.traffic = None;
    let ours = rendered(&run);
    for name in ["data_sent", "http_req_blocked", "http_req_receiving"] {
        assert_eq!(ours["metrics"].get(name), None, "{name}");
    }
    assert!(ours["metrics"].get("http_reqs").is_some());
}

#[test]
fn lists_metrics_of_the_whole_run() {
    let rendered = rendered(&played());
    let listed = rendered["tenfold"]["whole_run"]["metrics"]
        .as_array()
        .unwrap();
    for metric in ["data_sent", "http_req_blocked", "http_req_connecting"] {
        assert!(listed.iter().any(|name| name == metric), "{metric}");
        assert!(rendered["metrics"].get(metric).is_some(), "{metric}");
    }
    assert!(!listed.iter().any(|name| name == "http_reqs"));
}
