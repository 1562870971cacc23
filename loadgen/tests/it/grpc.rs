//! gRPC calls of a service of the library `grpcio`: unary and streamed, described by files or by reflection.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tenfold_loadgen::{
    DialOptions, Exchange, HttpVersion, LoadError, Target, TrialOptions, check_calls, trial,
};
use tenfold_run_dir::Metric;
use tenfold_scenarios::Scenario;
use tokio::sync::watch;

use crate::support::{self, FinishedRun, http2_frames};

/// The service. Ends with the test.
struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn start(arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../.tenfold/tools/bin/python3");
        let mut child = Command::new(&python)
            .arg(root.join("tests/it/support/grpc_server.py"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup", python.display()));
        let mut port = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut port).unwrap();
        let port = port.trim().parse();
        let port: u16 = port.unwrap_or_else(|_| panic!("no service; run scripts/setup"));
        let address = ([127, 0, 0, 1], port).into();
        Self { child, address }
    }

    fn target(&self) -> Target {
        format!("http://{}", self.address).parse().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn support_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support")
}

/// 10 arrivals of a call.
fn scenario(request: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "calls"
[load]
arrivals = "even"
users = 20
timeout = "400ms"
[[phases]]
name = "steady"
kind = "constant"
rate = "20/s"
duration = "500ms"
[[requests]]
name = "call"
kind = "read"
{request}
"#
    );
    Scenario::parse(&text, &support_folder().join("test.toml")).unwrap()
}

fn run(request: &str, service: &Service) -> FinishedRun {
    support::try_run(scenario(request), service.target(), |_| ()).unwrap()
}

/// The reason that is kept of a failure.
fn reason(ran: &FinishedRun, class: &str) -> String {
    let connections = ran.recording.counts.connections.as_ref().unwrap();
    let reason = connections.first_errors.get(class);
    reason.cloned().unwrap_or_default()
}

/// Sends a scenario's requests once.
fn try_once(request: &str, target: Target) -> Vec<Exchange> {
    let (_end, interrupt) = watch::channel(false);
    let tried = trial(TrialOptions {
        scenario: scenario(request),
        target,
        interrupt,
        on_exchange: Box::new(|_| ()),
    });
    tried.unwrap().exchanges
}

#[test]
fn unary_calls_are_described_by_files_or_by_reflection() {
    let service = Service::start(&[]);
    for description in ["", ", proto = [\"shop.proto\"]"] {
        let ran = run(
            &format!(
                "headers = {{ who = \"me\" }}\n\
                 grpc = {{ method = \"shop.Shop/Find\", message = {{ name = \"pear\" }}, deadline = \"2s\"{description} }}\n\
                 checks = [{{ json = \"/cents\", equals = 104 }}, {{ json = \"/at\", equals = \"2023-11-14T22:13:20Z\" }}, \
                 {{ header = \"who\", equals = \"me\" }}, {{ header = \"deadline\", equals = \"set\" }}]"
            ),
            &service,
        );
        let total = ran.total();
        assert_eq!((total.completed, total.failed), (10, 0), "{total:?}");
        assert_eq!(total.statuses, [(0, 10)].into());
        assert!(total.events.is_empty(), "{total:?}");
        assert_eq!(ran.latency(Metric::Response).len(), 10);
        assert_eq!(ran.latency(Metric::FirstEvent).len(), 0);
    }
}

#[test]
fn messages_of_streams_are_events() {
    let service = Service::start(&[]);
    for (until, messages) in [("", 6), (", until = { messages = 4 }", 4)] {
        let ran = run(
            &format!(
                "grpc = {{ method = \"shop.Shop/Watch\", message = {{ name = \"pear\", count = 6 }}{until} }}\n\
                 checks = [{{ json = \"/name\", equals = \"pear\" }}, {{ json = \"/cents\", equals = {} }}]",
                messages - 1
            ),
            &service,
        );
        let total = ran.total();
        assert_eq!(total.completed, 10, "{total:?}");
        assert_eq!(total.events, [("message".to_owned(), 10 * messages)].into());
        assert_eq!(ran.latency(Metric::FirstEvent).len(), 10);
        assert_eq!(ran.latency(Metric::EventGap).len(), 10 * (messages - 1));
        let gap_ms = ran.latency(Metric::EventGap).mean() / 1e6;
        assert!((15.0..60.0).contains(&gap_ms), "{gap_ms}");
    }
    let ran = run(
        "grpc = { method = \"shop.Shop/Watch\", message = { count = 50 }, until = { elapsed = \"150ms\" } }",
        &service,
    );
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
    let service_time = ran.latency(Metric::Service);
    assert!(service_time.min() >= 149_000_000, "{}", service_time.min());
}

#[test]
fn statuses_decide_the_outcome() {
    let service = Service::start(&[]);
    let find = |name: &str| {
        format!("grpc = {{ method = \"shop.Shop/Find\", message = {{ name = \"{name}\" }} }}")
    };
    for (request, status, body) in [
        (find("nobody"), 5, "no such name: nobody — sorry"),
        (find("broken"), 14, "closed for today"),
        (
            "grpc = { method = \"shop.Shop/Watch\", message = { name = \"broken\", count = 2 } }"
                .to_owned(),
            15,
            "the rest is lost",
        ),
        (
            "grpc = { method = \"shop.Shop/Sleep\", deadline = \"100ms\" }".to_owned(),
            4,
            "",
        ),
    ] {
        let ran = run(&request, &service);
        let total = ran.total();
        let class = "unexpected_status".to_owned();
        assert_eq!(total.failures, [(class, 10)].into(), "{request}");
        assert_eq!(total.statuses, [(status, 10)].into(), "{request}");
        assert!(ran.samples[0].body.contains(body), "{:?}", ran.samples[0]);
    }
    let accepted = run(
        &format!("{}\nexpect = [\"NOT_FOUND\"]", find("nobody")),
        &service,
    );
    assert_eq!(accepted.total().completed, 10);
    let ran = run("grpc = { method = \"shop.Shop/Sleep\" }", &service);
    assert_eq!(ran.total().failures, [("timeout".to_owned(), 10)].into());
}

#[test]
fn messages_may_be_compressed_and_larger_than_a_frame() {
    let service = Service::start(&["gzip"]);
    for compression in ["identity", "gzip"] {
        let ran = run(
            &format!(
                "grpc = {{ method = \"shop.Shop/Find\", message = {{ name = \"pear\", count = 300000 }}, compression = \"{compression}\" }}\n\
                 checks = [{{ json = \"/note\", contains = \"xxx\" }}, {{ json = \"/cents\", equals = 104 }}]"
            ),
            &service,
        );
        let total = ran.total();
        assert_eq!(total.completed, 10, "{total:?}");
        // This service compresses even if the client accepts no compression.
        assert!(total.body_bytes < 10 * 10_000, "{}", total.body_bytes);
    }
    let long = "y".repeat(200_000);
    let ran = run(
        &format!("grpc = {{ method = \"shop.Shop/Find\", message = {{ name = \"{long}\" }} }}"),
        &service,
    );
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
}

#[test]
fn connections_that_the_service_closes_fail_no_call() {
    let service = Service::start(&["brief"]);
    let text =
        scenario("grpc = { method = \"shop.Shop/Find\", message = { name = \"pear\" } }").text;
    let text = text.replace("20/s", "100/s").replace("500ms", "2s");
    let scenario = Scenario::parse(&text, &support_folder().join("test.toml")).unwrap();
    let ran = support::try_run(scenario, service.target(), |_| ()).unwrap();
    let total = ran.total();
    assert_eq!((total.completed, total.failed), (200, 0), "{total:?}");
    let connections = ran.recording.counts.connections.as_ref().unwrap();
    assert!(connections.opened > 3, "{connections:?}");
}

#[test]
fn calls_log_in_sessions_and_take_steps() {
    let service = Service::start(&[]);
    let text = scenario(
        "weight = 0\ngrpc = { method = \"shop.Shop/Find\", message = { name = \"pear\" } }\n\
         capture = { cents = \"json:/cents\" }\n\
         [[requests]]\nname = \"use\"\nkind = \"read\"\ntraceparent = true\n\
         grpc = { method = \"shop.Shop/Find\", message = { name = \"{cents}\", count = 3 } }\n\
         checks = [{ json = \"/name\", equals = \"104\" }]\n\
         [sessions]\nlogin = \"call\"\ncount = 2",
    );
    let ran = support::try_run(text, service.target(), |_| ()).unwrap();
    let total = ran.total();
    assert_eq!((total.completed, total.failed), (10, 0), "{total:?}");
    assert_eq!(ran.recording.counts.set_up_requests, 2);
}

#[test]
fn trial_shows_calls_in_full() {
    let service = Service::start(&[]);
    let calls = "grpc = { method = \"shop.Shop/Find\", message = { name = \"nobody\" } }\n\
         [[requests]]\nname = \"watch\"\nkind = \"read\"\n\
         grpc = { method = \"shop.Shop/Watch\", message = { name = \"pear\", count = 3 } }\n\
         [[requests]]\nname = \"wrong\"\nkind = \"read\"\n\
         grpc = { method = \"shop.Shop/Find\", message = { name = \"pear\", count = \"{entropy}\" } }";
    let exchanges = try_once(calls, service.target());
    let shown: Vec<String> = exchanges.iter().map(ToString::to_string).collect();
    for (text, expected) in [
        (&shown[0], "> POST http://127.0.0.1:"),
        (&shown[0], "/shop.Shop/Find"),
        (&shown[0], "> content-type: application/grpc"),
        (&shown[0], "> {\"name\":\"nobody\"}"),
        (&shown[0], "< 5 NOT_FOUND in "),
        (
            &shown[0],
            "status 0 OK: it is 5 NOT_FOUND: no such name: nobody — sorry",
        ),
        (&shown[1], "< 0 OK in "),
        (
            &shown[1],
            "<\n< {\"name\":\"pear\"}\n< {\"name\":\"pear\",\"cents\":\"1\"}\n< {\"name\":\"pear\",\"cents\":\"2\"}\n",
        ),
        (
            &shown[2],
            "failed (unsendable): the message is not a shop.Query",
        ),
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// The error of a scenario that can't be run.
fn error(request: &str, target: Target) -> String {
    match support::try_run(scenario(request), target, |_| ()) {
        Err(error @ (LoadError::Configuration { .. } | LoadError::Scenario(_))) => {
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn mistakes_are_named_by_their_place_before_the_run() {
    let (service, plain) = (Service::start(&[]), Service::start(&["plain"]));
    let find = "grpc = { method = \"shop.Shop/Find\" }";
    let http1 = DialOptions {
        http: HttpVersion::Http1,
        ..DialOptions::default()
    };
    let error_http1 = error(find, service.target().with(http1).unwrap());
    assert!(error_http1.contains("gRPC needs HTTP/2"), "{error_http1}");
    let unknown = error(find, plain.target());
    assert!(
        unknown.contains("no reflection; name its .proto files"),
        "{unknown}"
    );
    for (call, expected) in [
        (
            "method = \"shop.Shop/Fund\"",
            "test.toml:16:19: `shop.Shop` has no method `Fund`; did you mean `Find`?",
        ),
        (
            "method = \"shop.Shap/Find\"",
            "test.toml:16:19: there is no service `shop.Shap`; did you mean `shop.Shop`?",
        ),
        ("method = \"shop.Shop/Sum\"", "streams its requests"),
        (
            "method = \"shop.Shop/Find\", message = { nmae = \"{entropy}\" }",
            "test.toml:16:56: shop.Query has no field `nmae`; did you mean `name`?",
        ),
        (
            "method = \"shop.Shop/Find\", message = { count = \"many\" }",
            "test.toml:16:57: `count` of shop.Query can't be \"many\"",
        ),
    ] {
        for description in ["", ", proto = [\"shop.proto\"]"] {
            let request = format!("grpc = {{ {call}{description} }}");
            let error = error(&request, service.target());
            assert!(error.contains(expected), "{error}\n{expected}");
            // Files are checked without a service.
            let checked = check_calls(&scenario(&request)).map_err(|error| error.to_string());
            match description {
                "" => assert_eq!(checked, Ok(())),
                _ => assert_eq!(checked, Err(error)),
            }
        }
    }
    let missing = scenario("grpc = { method = \"shop.Shop/Find\", proto = [\"none.proto\"] }");
    let missing = check_calls(&missing).unwrap_err().to_string();
    assert!(
        missing.contains("test.toml:16:45: there is no file none.proto"),
        "{missing}"
    );
}

#[test]
fn answers_without_grpc_fail_as_grpc() {
    let call = "grpc = { method = \"shop.Shop/Find\", proto = [\"shop.proto\"] }";
    let server = http2_frames::serve(|stream| {
        [
            http2_frames::head(stream),
            http2_frames::data(stream, http2_frames::END_STREAM, b"<html>"),
        ]
        .concat()
    });
    let target: Target = format!("http://{server}").parse().unwrap();
    let ran = support::try_run(scenario(call), target, |_| ()).unwrap();
    assert_eq!(ran.total().failures, [("grpc".to_owned(), 10)].into());
    assert!(
        reason(&ran, "grpc").contains("no content-type"),
        "{}",
        reason(&ran, "grpc")
    );
}
