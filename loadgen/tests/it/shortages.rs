//! What the generator's machine runs out of is never blamed on the service.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::time::Duration;

use tenfold_loadgen::{LoadError, Options};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::counts::{RequestCounts, blame};
use tenfold_run_dir::{Blame, Counts};
use tenfold_scenarios::Scenario;
use tokio::sync::watch;

use crate::support::network_namespace::{in_namespace, ip, set};
use crate::support::raw::{AfterAnswer, RawServer};
use crate::support::{self, FinishedRun};

/// An answer after which the client closes, so that its port stays in use for a minute (TIME_WAIT).
const CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

const SCENARIO: &str = r#"
version = 1
name = "shortage"
rules = ["errors < 5%, abort"]
[load]
arrivals = "even"
users = 10
timeout = "1s"
[[phases]]
name = "steady"
kind = "constant"
rate = "100/s"
duration = "2s"
[[requests]]
name = "get"
kind = "read"
path = "/"
"#;

/// Starts a server that answers each request on a connection of its own. It closes last.
fn server() -> RawServer {
    RawServer::always(CLOSE, AfterAnswer::KeepAlive)
}

fn first_error<'a>(counts: &'a Counts, class: &str) -> &'a str {
    let connections = counts.connections.as_ref().unwrap();
    &connections.first_errors[class]
}

/// Asserts that a class occurred, and that nothing is blamed on the service.
fn assert_own(ran: &FinishedRun, class: &str) -> RequestCounts {
    let total = ran.total();
    assert!(total.failures.contains_key(class), "{total:?}");
    let others = total
        .failures
        .keys()
        .filter(|class| blame(class) != Some(Blame::Generator));
    assert_eq!(others.count(), 0, "{total:?}");
    // A rule on errors is about the service.
    assert_eq!(ran.recording.counts.aborted, None);
    total
}

#[test]
fn lack_of_ports_has_a_class() {
    in_namespace(|| {
        set("ip_local_port_range", "40000 40049");
        set("tcp_tw_reuse", "0");
        let server = server();
        let ran = support::run(SCENARIO, server.address, |_| ());
        let total = assert_own(&ran, "local_ports");
        assert!(total.completed >= 40 && total.failed > 100, "{total:?}");
        let error = first_error(&ran.recording.counts, "local_ports");
        assert!(error.contains("net.ipv4.ip_local_port_range"), "{error}");
    });
}

#[test]
fn missing_route_has_a_class() {
    in_namespace(|| {
        let server = server();
        let (sender, started) = std::sync::mpsc::channel();
        let remove = std::thread::spawn(move || {
            started.recv().unwrap();
            std::thread::sleep(Duration::from_millis(500));
            assert!(ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]));
        });
        let ran = support::run(SCENARIO, server.address, move |_| {
            sender.send(()).unwrap();
        });
        remove.join().unwrap();
        let total = ran.total();
        // A request that was in flight just then times out.
        let lost = total.failures.get("timeout").copied().unwrap_or(0);
        assert!(lost <= 2, "{total:?}");
        assert_eq!(
            total.failures.get("local_network"),
            Some(&(total.failed - lost)),
            "{total:?}"
        );
        assert!(total.failed > 100, "{total:?}");
    });
}

#[test]
fn connection_that_a_policy_forbids_has_a_class() {
    in_namespace(|| {
        let server = server();
        // The first rule is the one for local addresses: another one takes its place after the prohibition.
        assert!(ip(&["rule", "add", "pref", "200", "lookup", "local"]));
        let (sender, started) = std::sync::mpsc::channel();
        let forbid = std::thread::spawn(move || {
            started.recv().unwrap();
            std::thread::sleep(Duration::from_millis(500));
            assert!(ip(&[
                "rule",
                "add",
                "pref",
                "100",
                "to",
                "127.0.0.1",
                "prohibit"
            ]));
            assert!(ip(&["rule", "del", "pref", "0"]));
        });
        let ran = support::run(SCENARIO, server.address, move |_| {
            sender.send(()).unwrap();
        });
        forbid.join().unwrap();
        let total = ran.total();
        assert!(total.failures.get("local_denied") > Some(&100), "{total:?}");
        let error = first_error(&ran.recording.counts, "local_denied");
        assert!(error.contains("forbids the connection"), "{error}");
    });
}

#[test]
fn unreachable_because_of_this_machine_is_no_dead_target() {
    in_namespace(|| {
        let server = server();
        assert!(ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]));
        let scenario = Scenario::parse(SCENARIO, Path::new("test.toml")).unwrap();
        let target = format!("http://{}", server.address).parse().unwrap();
        let error = support::try_run(scenario, target, |_| ()).unwrap_err();
        assert!(matches!(error, LoadError::Shortage { .. }), "{error}");
        assert!(error.to_string().contains("not the service"), "{error}");
    });
}

/// `/dev/full` fails each write like a full disk.
#[test]
fn full_disk_ends_the_run_early() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let run_dir = RunDir::create(&directory.path().join("run")).unwrap();
    std::os::unix::fs::symlink("/dev/full", run_dir.file("intervals.hlog")).unwrap();
    let scenario = SCENARIO.replace("duration = \"2s\"", "duration = \"60s\"");
    let (_sender, interrupt) = watch::channel(false);
    let begun = std::time::Instant::now();
    let error = tenfold_loadgen::run(Options {
        share: tenfold_scenarios::Share::WHOLE,
        scenario: Scenario::parse(&scenario, Path::new("test.toml")).unwrap(),
        target: format!("http://{}", server.address).parse().unwrap(),
        candidate: None,
        sessions: tenfold_loadgen::KnownSessions::default(),
        run_dir: &run_dir,
        interrupt,
        feed: None,
        on_ready: Box::new(|| ()),
        start: tenfold_loadgen::Start::Soon,
        on_start: Box::new(|_| ()),
        on_progress: Box::new(|_| ()),
    })
    .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
    let error = error.to_string();
    assert!(error.contains("No space left on device"), "{error}");
    assert!(error.contains("its measurement is invalid"), "{error}");
}
