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
        (
            vec!["record", LOG, "--host", "a.example"],
            "does not name the host",
        ),
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

#[test]
fn records_several_files_as_one_log() {
    let place = Workplace::new();
    let line = |second: u32, target: &str| {
        format!("h - - [17/May/2024:10:05:{second:02} +0000] \"GET {target} HTTP/1.1\" 200 1\n")
    };
    place.write("access.log", &line(9, "/new"));
    place.write("access.log.1", &line(1, "/old"));
    let ended = place
        .run(&["record", "access.log", "access.log.1"])
        .expect(0);
    assert!(
        ended
            .stdout
            .starts_with("access.log and access.log.1: 2 lines, 0 broken"),
        "{}",
        ended.stdout
    );
    let trace = std::fs::read_to_string(place.path("access.trace.jsonl")).unwrap();
    assert_eq!(
        trace,
        "{\"at_ms\":0,\"request\":\"GET\",\"target\":\"/old\"}\n\
         {\"at_ms\":8000,\"request\":\"GET\",\"target\":\"/new\"}\n"
    );
    place.run(&["run", "access.toml", "--check"]).expect(0);
}

#[test]
fn never_overwrites_the_log() {
    let place = Workplace::new();
    let log = "h - - [17/May/2024:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 1\n";
    for name in ["a.log", "b.log", "site.trace.jsonl"] {
        place.write(name, log);
    }
    std::fs::create_dir(place.path("d")).unwrap();
    std::os::unix::fs::symlink("a.log", place.path("link.log")).unwrap();
    std::fs::hard_link(place.path("a.log"), place.path("hard.log")).unwrap();
    for arguments in [
        vec!["a.log", "--out", "a.log"],
        vec!["a.log", "--out", "./d/../a.log"],
        vec!["a.log", "--out", "link.log"],
        vec!["link.log", "--out", "a.log"],
        vec!["a.log", "--out", "hard.log"],
        vec!["a.log", "b.log", "--out", "b.log"],
        vec!["site.trace.jsonl", "--out", "site.toml"],
        vec!["a.log", "--model", "--out", "a.log"],
    ] {
        let mut command = vec!["record", "--force"];
        command.extend(&arguments);
        let ended = place.run(&command).expect(104);
        let shown = &ended.stderr;
        assert!(
            shown.contains("is the input itself"),
            "{arguments:?}:\n{shown}"
        );
        for name in ["a.log", "b.log", "site.trace.jsonl"] {
            let kept = std::fs::read_to_string(place.path(name)).unwrap();
            assert_eq!(kept, log, "{arguments:?}: {name}");
        }
    }
    place
        .run(&[
            "record",
            "site.trace.jsonl",
            "--model",
            "--out",
            "site.toml",
        ])
        .expect(0);
}

#[test]
fn uses_one_virtual_host() {
    let place = Workplace::new();
    let line =
        |host: &str, target: &str| format!("{host} 1715940303.000 \"GET {target} HTTP/1.1\" 200\n");
    let log = [
        line("a.example", "/1"),
        line("B.example:443", "/2"),
        line("a.example", "/3"),
    ];
    place.write("access.log", &log.concat());
    let format = "$http_host $msec \"$request\" $status";
    let ended = place
        .run(&["record", "access.log", "--format", format])
        .expect(0);
    for expected in [
        "host      a.example",
        "1 to other hosts, left out (choose one with --host): b.example (1)",
    ] {
        assert!(
            ended.stdout.contains(expected),
            "{expected} is missing:\n{}",
            ended.stdout
        );
    }
    let host = [
        "record",
        "access.log",
        "--format",
        format,
        "--force",
        "--host",
        "B.example",
    ];
    place.run(&host).expect(0);
    let trace = std::fs::read_to_string(place.path("access.trace.jsonl")).unwrap();
    assert!(trace.contains("/2") && !trace.contains("/1"), "{trace}");
    let unknown = [
        "record",
        "access.log",
        "--format",
        format,
        "--force",
        "--host",
        "c.example",
    ];
    let ended = place.run(&unknown).expect(104);
    assert!(
        ended.stderr.contains("a.example (2), b.example (1)"),
        "{}",
        ended.stderr
    );
}

#[test]
fn names_compressions_that_are_not_read() {
    let place = Workplace::new();
    std::fs::write(place.path("a.log.bz2"), b"BZh91AY&SY\x12\x34\xff\xfe\0").unwrap();
    let ended = place.run(&["record", "a.log.bz2"]).expect(104);
    assert_eq!(
        ended.stderr,
        "error: a.log.bz2 is compressed with bzip2; decompress it first: bzip2 -dc a.log.bz2 | tenfold record -\n"
    );
}

#[test]
fn sends_all_that_it_writes() {
    let place = Workplace::new();
    let lines = [
        "OPTIONS * HTTP/1.0",
        "OPTIONS / RTSP/1.0",
        "t3 12.1.2",
        "CONNECT s.example:443 HTTP/1.1",
        "GET /healthz HTTP/1.1",
        "GET /<a>#`b` HTTP/1.1",
        "GET wss://s.example/live HTTP/1.1",
        "GET nonsense HTTP/1.1",
    ];
    let log: String = lines
        .iter()
        .map(|request| format!("h - - [17/May/2024:10:05:03 +0000] \"{request}\" 200 1\n"))
        .collect();
    place.write("access.log", &log);
    place.run(&["record", "access.log"]).expect(0);
    let service = place.serve(&["--empty"]);
    let url = service.url();
    place.run(&["run", "access.toml", "--target", &url, "--out", "run"]);
    let counts = read_json(&place.path("run/counts.json"));
    let phases = counts["phases"].as_array().unwrap();
    let requests = phases.iter().flat_map(|phase| phase.as_array().unwrap());
    let total = |field: &str| -> u64 {
        requests
            .clone()
            .map(|request| request[field].as_u64().unwrap())
            .sum()
    };
    assert_eq!((total("sent"), total("completed")), (2, 2), "{counts:#}");
}
