//! WebSocket conversations with a service of the library `websockets`: round trips, connections, ends, and failures.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::FinishedRun;
use tenfold_run_dir::Metric;

/// The service. Ends with the test.
struct Service {
    child: Child,
    address: SocketAddr,
    /// Lines about connections.
    log: PathBuf,
    _directory: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../.tenfold/tools/bin/python3");
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("connections.log");
        let mut child = Command::new(&python)
            .arg(root.join("tests/it/support/websocket_server.py"))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup", python.display()));
        let mut port = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut port).unwrap();
        let port = port.trim().parse();
        let port: u16 = port.unwrap_or_else(|_| panic!("no service; run scripts/setup"));
        Self {
            child,
            address: ([127, 0, 0, 1], port).into(),
            log,
            _directory: directory,
        }
    }

    /// Number of handshakes so far. One more was made before the run, to reach the target, without HTTP.
    fn connections(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| *line == "connection").count()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// 10 arrivals of a request.
fn scenario(request: &str) -> String {
    format!(
        r#"
version = 1
name = "conversations"
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
name = "talk"
kind = "write"
{request}
"#
    )
}

fn run(request: &str, service: &Service) -> FinishedRun {
    support::run(&scenario(request), service.address, |_| ())
}

/// The reason that is kept of a failure.
fn reason(ran: &FinishedRun, class: &str) -> String {
    let connections = ran.recording.counts.connections.as_ref().unwrap();
    let reason = connections.first_errors.get(class);
    reason.cloned().unwrap_or_default()
}

#[test]
fn sends_each_message_after_the_replies() {
    let service = Service::start();
    let ran = run(
        "path = \"/twice\"\nwebsocket = { send = [\"a\", { json = { b = 1 } }], replies = 2 }\n\
         checks = [{ json = \"/b\", equals = 1 }]",
        &service,
    );
    let total = ran.total();
    assert_eq!((total.completed, total.failed), (10, 0), "{total:?}");
    assert_eq!(total.statuses, [(101, 10)].into());
    assert_eq!(total.events, [("message".to_owned(), 40)].into());
    // Bytes of all messages that arrived: `a` twice, and `{"b":1}` twice.
    assert_eq!(total.body_bytes, 10 * (2 + 2 * 7));
    let trips = ran.latency(Metric::RoundTrip);
    assert_eq!(trips.len(), 20);
    assert_eq!(ran.latency(Metric::FirstEvent).len(), 10);
    assert_eq!(ran.latency(Metric::EventGap).len(), 30);
    let response = ran.latency(Metric::Response);
    assert_eq!(response.len(), 10);
    assert!(trips.min() <= response.max());
    // 20/s of fast conversations need one user, whose connection stays open.
    assert!(service.connections() < 10, "{}", service.connections());
}

#[test]
fn connection_of_each_conversation_is_its_own_if_asked() {
    let service = Service::start();
    let ran = run(
        "path = \"/echo\"\nconnection = \"close\"\nwebsocket = { send = [\"a\"], subprotocol = \"chat.v1\" }",
        &service,
    );
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
    assert_eq!(service.connections(), 10);
}

#[test]
fn conditions_end_conversations_that_only_listen() {
    let service = Service::start();
    for (until, messages) in [
        ("messages = 3", 3),
        ("data = \"7:4\"", 4),
        ("data = \"no\", messages = 2", 2),
    ] {
        let ran = run(
            &format!(
                "path = \"/rooms/7\"\nconnection = \"close\"\nwebsocket = {{ until = {{ {until} }} }}"
            ),
            &service,
        );
        let total = ran.total();
        assert_eq!(total.completed, 10, "{until}: {total:?}");
        assert_eq!(total.events["message"], 10 * messages, "{until}");
        let gaps = ran.latency(Metric::EventGap);
        let gap_ms = gaps.mean() / 1e6;
        assert!((15.0..60.0).contains(&gap_ms), "{gap_ms}");
        assert_eq!(ran.latency(Metric::RoundTrip).len(), 0);
    }
    let ran = run(
        "path = \"/rooms/7\"\nwebsocket = { until = { elapsed = \"150ms\" } }",
        &service,
    );
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
    let service_time = ran.latency(Metric::Service);
    assert!(service_time.min() >= 149_000_000, "{}", service_time.min());
}

#[test]
fn captures_read_the_last_message() {
    let service = Service::start();
    let text = scenario(
        "path = \"/token\"\nwebsocket = { send = [{ json = '\"hi\"' }] }\ncapture = { token = \"json:/token\" }",
    );
    let journey = text.replace("kind = \"write\"", "kind = \"write\"\nweight = 0")
        + r#"
[[requests]]
name = "use"
kind = "read"
weight = 0
path = "/echo"
websocket = { send = ["{token}"] }
checks = [{ body_contains = "t-1" }]
[[journeys]]
name = "both"
steps = ["talk", "use"]
"#;
    let ran = support::run(&journey, service.address, |_| ());
    let total = ran.total();
    assert!(total.completed >= 18 && total.failed == 0, "{total:?}");
}

#[test]
fn failures_have_a_class_and_a_reason() {
    let service = Service::start();
    for (path, class, expected) in [
        (
            "/rude",
            "websocket",
            "closed the conversation with code 1011: out of order, before a reply",
        ),
        ("/gone", "websocket", "ended without a close message"),
        ("/silent", "timeout", ""),
        ("/refused", "unexpected_status", ""),
    ] {
        let ran = run(
            &format!("path = \"{path}\"\nconnection = \"close\"\nwebsocket = {{ send = [\"a\"] }}"),
            &service,
        );
        let total = ran.total();
        assert_eq!(total.failures, [(class.to_owned(), 10)].into(), "{path}");
        let reason = reason(&ran, class);
        assert!(reason.contains(expected), "{path}: {reason}");
        if class == "unexpected_status" {
            assert_eq!(total.statuses, [(403, 10)].into());
            assert_eq!(ran.samples[0].body, "members only\n");
        }
    }
}

#[test]
fn service_without_websocket_is_no_malformed_service() {
    let server = support::raw::RawServer::script(|_| {
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec();
        (
            vec![support::raw::Action::Write(ok)],
            support::raw::AfterAnswer::KeepAlive,
        )
    });
    let ran = support::run(
        &scenario("path = \"/\"\nwebsocket = { send = [\"a\"] }"),
        server.address,
        |_| (),
    );
    let total = ran.total();
    assert_eq!(
        total.failures,
        [("unexpected_status".to_owned(), 10)].into()
    );
    assert_eq!(ran.samples[0].body, "hello");
    let server = support::raw::RawServer::script(|_| {
        let wrong =
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                      sec-websocket-accept: bm90IGl0\r\n\r\n";
        (
            vec![support::raw::Action::Write(wrong.to_vec())],
            support::raw::AfterAnswer::KeepAlive,
        )
    });
    let ran = support::run(
        &scenario("path = \"/\"\nwebsocket = { send = [\"a\"] }"),
        server.address,
        |_| (),
    );
    assert_eq!(ran.total().failures, [("websocket".to_owned(), 10)].into());
    assert!(reason(&ran, "websocket").contains("sec-websocket-accept"));
}
