//! Every way in which a server can misbehave has its named outcome; nothing hangs, and no request
//! is counted twice.

mod framing;
mod lost_connections;
mod malformed;
mod slow;
use crate::support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::burst::{ARRIVALS, SCENARIO};
use support::raw::{RawServer, Then};
use tenfold_run_dir::Metric;
use tenfold_run_dir::counts::RequestCounts;

/// The arrivals, the timeout and what the slowest machine adds: whatever takes longer hangs.
const LONGEST: Duration = Duration::from_secs(5);

/// The scenario with one user, so that every request but the first finds a connection, and time
/// enough to wait for that user.
fn one_user() -> String {
    SCENARIO
        .replace("users = 50", "users = 1")
        .replace("timeout = \"300ms\"", "timeout = \"5s\"")
}

fn outcome(server: &RawServer) -> RequestCounts {
    outcome_of(SCENARIO, server)
}

fn outcome_of(scenario: &str, server: &RawServer) -> RequestCounts {
    let begun = Instant::now();
    let total = support::run(scenario, server.address, |_| ()).total();
    assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
    assert_eq!(
        (total.planned, total.dropped, total.in_flight),
        (ARRIVALS, 0, 0),
        "{total:?}"
    );
    total
}

fn all_failed(server: &RawServer, class: &str) {
    let total = outcome(server);
    assert_eq!(
        total.failures,
        BTreeMap::from([(class.to_owned(), ARRIVALS)]),
        "{total:?}"
    );
    assert_eq!(total.completed, 0);
    sent_once(server);
}

fn all_complete(server: &RawServer, body_bytes: u64) {
    all_complete_of(SCENARIO, server, body_bytes);
}

fn all_complete_of(scenario: &str, server: &RawServer, body_bytes: u64) {
    let total = outcome_of(scenario, server);
    assert_eq!(
        (total.completed, total.not_written),
        (ARRIVALS, 0),
        "{total:?}"
    );
    assert_eq!(total.body_bytes, ARRIVALS * body_bytes);
    sent_once(server);
}

fn sent_once(server: &RawServer) {
    assert_eq!(
        server.requests(),
        ARRIVALS,
        "a request was sent twice, or not at all"
    );
}

#[test]
fn a_whole_answer_completes() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::KeepAlive), 5);
}

#[test]
fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer =
            format!("HTTP/1.1 {status} Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
        let server = RawServer::always(answer.as_bytes(), Then::KeepAlive);
        all_failed(&server, "unexpected_status");
    }
}

#[test]
fn a_redirect_that_is_expected_completes() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 4\r\n\r\nover";
    let scenario = format!("{SCENARIO}expect = [302]\n");
    all_complete_of(&scenario, &RawServer::always(answer, Then::KeepAlive), 4);
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_an_unexpected_status() {
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let server = RawServer::always(answer, Then::KeepAlive);
    let total = outcome(&server);
    assert_eq!(total.statuses, BTreeMap::from([(101, ARRIVALS)]));
    assert_eq!(
        total.failures,
        BTreeMap::from([("unexpected_status".to_owned(), ARRIVALS)])
    );
    sent_once(&server);
    assert_eq!(
        server.connections(),
        ARRIVALS,
        "what follows a 101 is not HTTP any more"
    );
}

#[test]
fn an_unexpected_status_is_counted_by_its_number() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let total = outcome(&RawServer::always(answer, Then::KeepAlive));
    assert_eq!(total.statuses, BTreeMap::from([(503, ARRIVALS)]));
    assert_eq!(
        total.failures,
        BTreeMap::from([("unexpected_status".to_owned(), ARRIVALS)])
    );
}

#[test]
fn a_quick_failure_flatters_no_latency() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let ran = support::run(
        SCENARIO,
        RawServer::always(answer, Then::KeepAlive).address,
        |_| (),
    );
    assert_eq!(ran.latency(Metric::Response).len(), 0);
    assert_eq!(ran.latency(Metric::Lag).len(), ARRIVALS);
}

#[test]
fn arrivals_wait_for_users_and_are_dropped_when_it_takes_too_long() {
    // Two users, each held for 2 s by a server that never answers; a wait of 100 ms.
    let scenario = SCENARIO
        .replace("users = 50", "users = 2\nwait = \"100ms\"")
        .replace("timeout = \"300ms\"", "timeout = \"2s\"");
    let server = RawServer::always(b"", Then::Hang);
    let ran = support::run(&scenario, server.address, |_| ());
    let total = ran.total();
    assert_eq!(
        (total.planned, total.sent, total.dropped),
        (ARRIVALS, 2, ARRIVALS - 2)
    );
}

#[test]
fn the_wait_for_a_user_is_told_apart_from_lag() {
    // One user and a server that takes 20 ms: 40 arrivals in 200 ms wait for up to 600 ms.
    let scenario = SCENARIO.replace("users = 50", "users = 1");
    let server = RawServer::start(|_| {
        std::thread::sleep(Duration::from_millis(20));
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
            Then::KeepAlive,
        )
    });
    let ran = support::run(&scenario, server.address, |_| ());
    assert_eq!(ran.total().completed, ARRIVALS);
    let blocked = ran.latency(Metric::Blocked);
    assert!(
        blocked.len() > 30 && blocked.max() > 400_000_000,
        "{blocked:?}"
    );
    let response = ran.latency(Metric::Response);
    assert!(
        response.max() > 500_000_000,
        "the wait is part of the response time"
    );
    let lag = ran.latency(Metric::Lag);
    assert!(
        lag.value_at_quantile(0.5) < 100_000_000,
        "the wait is no lag"
    );
}

#[test]
fn an_arrival_at_the_very_start_takes_time() {
    // The clock starts a little after everything is ready; a trace's first entry is due at zero.
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("t.jsonl"),
        "{\"at_ms\":0,\"request\":\"GET\",\"target\":\"/\"}\n",
    )
    .unwrap();
    let scenario = r#"
version = 1
name = "trace"
[[phases]]
name = "trace"
kind = "trace"
file = "t.jsonl"
[[requests]]
name = "GET"
kind = "read"
path = "{target}"
"#;
    let path = directory.path().join("trace.toml");
    std::fs::write(&path, scenario).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let server = RawServer::always(answer, Then::KeepAlive);
    let scenario = tenfold_scenarios::Scenario::read(&path).unwrap();
    let ran = support::run_scenario(scenario, server.address, |_| ());
    assert_eq!(ran.total().completed, 1);
    assert!(
        ran.latency(Metric::Service).min() > 1_000,
        "an exchange takes microseconds"
    );
}
