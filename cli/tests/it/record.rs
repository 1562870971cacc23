//! `tenfold record` on a real log: its report, and runs of both its outputs.

use crate::support;

use support::{Workplace, read_json};

/// Access log of a real web site, with 10,000 lines.
const LOG: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../scenarios/record/tests/data/apache_access.log.gz"
);

#[test]
fn reads_whole_real_log() {
    let place = Workplace::new();
    let recorded = place
        .run(&["record", LOG, "--out", "site.toml", "--json"])
        .expect(0)
        .json();
    let log = &recorded["log"];
    assert_eq!(
        (&log["lines"], &log["broken"]),
        (&10_000.into(), &0.into()),
        "{log:#}"
    );
    let text = place
        .run(&["record", LOG, "--out", "site.toml", "--force"])
        .expect(0)
        .stdout;
    for expected in [
        "GET 9952",
        "HEAD 42",
        "POST 5",
        "OPTIONS 1",
        "807   8.07%  /favicon.ico",
    ] {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
}

#[test]
fn replays_recorded_trace() {
    let place = Workplace::new();
    place
        .run(&["record", LOG, "--out", "site.toml", "--speed", "40000"])
        .expect(0);
    let service = place.serve(&["--empty"]);
    let (url, admin) = (service.url(), service.admin_url());
    place.run(&[
        "run",
        "site.toml",
        "--target",
        &url,
        "--admin",
        &admin,
        "--out",
        "run",
    ]);
    let counts = read_json(&place.path("run/counts.json"));
    let sent: u64 = counts["phases"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|phase| phase.as_array().unwrap())
        .map(|request| request["sent"].as_u64().unwrap())
        .sum();
    assert_eq!(sent, 10_000);
    let counter = &counts["server_counter"];
    assert_eq!(
        counter["after"].as_u64().unwrap() - counter["before"].as_u64().unwrap(),
        sent
    );
}

#[test]
fn fitted_model_runs_on_reference_service() {
    let place = Workplace::new();
    place
        .run(&["record", LOG, "--model", "--out", "site.toml"])
        .expect(0);
    let run = [
        "run",
        "site.toml",
        "--rate",
        "200/s",
        "-d",
        "5s",
        "--out",
        "run",
        "--json",
    ];
    let summary = place.run(&run).json();
    assert_eq!(
        summary.pointer("/arrivals/failed").unwrap(),
        0,
        "{summary:#}"
    );
    assert!(
        summary
            .pointer("/arrivals/completed")
            .unwrap()
            .as_u64()
            .unwrap()
            > 800
    );
}

#[test]
fn overwrites_only_with_force() {
    let place = Workplace::new();
    place.write("site.toml", "mine");
    let ended = place
        .run(&["record", LOG, "--out", "site.toml"])
        .expect(104);
    assert!(ended.stderr.contains("--force"), "{}", ended.stderr);
    assert_eq!(
        std::fs::read_to_string(place.path("site.toml")).unwrap(),
        "mine"
    );
}

#[test]
fn rejects_files_that_are_no_log() {
    let place = Workplace::new();
    place.write("notes.txt", "this is\nno log\n");
    for (log, expected) in [("notes.txt", "notes.txt"), ("nowhere.log", "nowhere.log")] {
        let ended = place.run(&["record", log]).expect(104);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

/// HAR file of two reads, and a write that contains a secret.
const HAR: &str = r#"{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"entries":[
{"startedDateTime":"2024-03-01T10:00:00.000Z","time":1,"request":{"method":"GET","url":"https://a.example/healthz",
 "headers":[{"name":"accept","value":"*/*"},{"name":"cookie","value":"s=s3cret"}]},"response":{"status":200}},
{"startedDateTime":"2024-03-01T10:00:00.200Z","time":1,"request":{"method":"POST","url":"https://a.example/v1/sessions",
 "headers":[{"name":"content-type","value":"application/json"}],
 "postData":{"mimeType":"application/json","text":"{\"handle\":\"user1\",\"password\":\"s3cret\"}"}},"response":{"status":201}},
{"startedDateTime":"2024-03-01T10:00:00.300Z","time":1,"request":{"method":"GET","url":"https://b.example/x"},"response":{"status":200}},
{"startedDateTime":"2024-03-01T10:00:00.400Z","time":1,"request":{"method":"GET","url":"https://a.example/healthz",
 "headers":[{"name":"accept","value":"*/*"}]},"response":{"status":200}}]}}"#;

#[test]
fn replays_har_file_without_its_secrets() {
    let place = Workplace::new();
    place.write("visit.har", HAR);
    let ended = place.run(&["record", "visit.har"]).expect(0);
    for expected in [
        "4 entries, 0 broken (har, detected)",
        "b.example (1)",
        "body password (1), header cookie (1)",
    ] {
        assert!(
            ended.stdout.contains(expected),
            "{expected} is missing:\n{}",
            ended.stdout
        );
    }
    for file in ["visit.toml", "visit.trace.jsonl"] {
        let text = std::fs::read_to_string(place.path(file)).unwrap();
        assert!(!text.contains("s3cret"), "{file}:\n{text}");
    }
    let service = place.serve(&["--empty"]);
    let url = service.url();
    place.run(&["run", "visit.toml", "--target", &url, "--out", "run"]);
    let counts = read_json(&place.path("run/counts.json"));
    let sent = |field: &str| -> u64 {
        let phases = counts["phases"].as_array().unwrap();
        let requests = phases.iter().flat_map(|phase| phase.as_array().unwrap());
        requests
            .map(|request| request[field].as_u64().unwrap())
            .sum()
    };
    // The service rejects the log-in, whose password is masked. The scenario accepts that response.
    assert_eq!((sent("sent"), sent("completed")), (3, 3), "{counts:#}");
}

#[test]
fn rejects_mismatched_format_and_host() {
    let place = Workplace::new();
    place.write("visit.har", HAR);
    for (arguments, expected) in [
        (vec!["record", LOG, "--format", "ngnix"], "`nginx`"),
        (vec!["record", LOG, "--format", "alb"], "--format"),
        (vec!["record", LOG, "--host", "a.example"], "HAR"),
        (
            vec!["record", "visit.har", "--host", "c.example"],
            "a.example (3)",
        ),
        (vec!["record", "visit.har", "--format", "$status"], "$msec"),
    ] {
        let ended = place.run(&arguments).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}:\n{}",
            ended.stderr
        );
    }
}
