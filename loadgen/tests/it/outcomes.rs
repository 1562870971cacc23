//! Every misbehavior of a server has a named outcome, without a hang and without a request counted
//! twice.

mod framing;
mod lost_connections;
mod malformed;
mod slow;
use crate::support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::burst::{ARRIVALS, SCENARIO};
use support::raw::{AfterAnswer, RawServer};
use tenfold_run_dir::Metric;
use tenfold_run_dir::counts::RequestCounts;

/// The longest run, including the timeout and a slow machine. A run that takes longer hangs.
const RUN_TIME_MAX: Duration = Duration::from_secs(5);

/// The scenario with one user, so that every request except the first reuses a connection, and with a
/// timeout that allows for that.
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
    assert!(
        begun.elapsed() < RUN_TIME_MAX,
        "the run took {:?}",
        begun.elapsed()
    );
    assert_eq!(
        (total.planned, total.dropped, total.in_flight),
        (ARRIVALS, 0, 0),
        "{total:?}"
    );
    total
}

fn assert_all_failed(server: &RawServer, class: &str) {
    let total = outcome(server);
    assert_eq!(
        total.failures,
        BTreeMap::from([(class.to_owned(), ARRIVALS)]),
        "{total:?}"
    );
    assert_eq!(total.completed, 0);
    assert_sent_once(server);
}

fn assert_all_complete(server: &RawServer, body_bytes: u64) {
    assert_all_complete_of(SCENARIO, server, body_bytes);
}

fn assert_all_complete_of(scenario: &str, server: &RawServer, body_bytes: u64) {
    let total = outcome_of(scenario, server);
    assert_eq!(
        (total.completed, total.not_written),
        (ARRIVALS, 0),
        "{total:?}"
    );
    assert_eq!(total.body_bytes, ARRIVALS * body_bytes);
    assert_sent_once(server);
}

fn assert_sent_once(server: &RawServer) {
    assert_eq!(
        server.requests(),
        ARRIVALS,
        "a request was sent twice, or not at all"
    );
}

#[test]
fn complete_answer_completes() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::KeepAlive), 5);
}

#[test]
fn does_not_follow_redirects() {
    for status in [301, 302, 303, 307, 308] {
        let answer =
            format!("HTTP/1.1 {status} Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
        let server = RawServer::always(answer.as_bytes(), AfterAnswer::KeepAlive);
        assert_all_failed(&server, "unexpected_status");
    }
}

#[test]
fn expected_redirect_completes() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 4\r\n\r\nover";
    let scenario = format!("{SCENARIO}expect = [302]\n");
    assert_all_complete_of(
        &scenario,
        &RawServer::always(answer, AfterAnswer::KeepAlive),
        4,
    );
}

#[test]
fn unsolicited_upgrade_is_unexpected_status() {
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    let total = outcome(&server);
    assert_eq!(total.statuses, BTreeMap::from([(101, ARRIVALS)]));
    assert_eq!(
        total.failures,
        BTreeMap::from([("unexpected_status".to_owned(), ARRIVALS)])
    );
    assert_sent_once(&server);
    assert_eq!(
        server.connections(),
        ARRIVALS,
        "bytes after a 101 are not HTTP"
    );
}

#[test]
fn counts_unexpected_statuses_by_number() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let total = outcome(&RawServer::always(answer, AfterAnswer::KeepAlive));
    assert_eq!(total.statuses, BTreeMap::from([(503, ARRIVALS)]));
    assert_eq!(
        total.failures,
        BTreeMap::from([("unexpected_status".to_owned(), ARRIVALS)])
    );
}

#[test]
fn failures_add_no_response_times() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let ran = support::run(
        SCENARIO,
        RawServer::always(answer, AfterAnswer::KeepAlive).address,
        |_| (),
    );
    assert_eq!(ran.latency(Metric::Response).len(), 0);
    assert_eq!(ran.latency(Metric::Lag).len(), ARRIVALS);
}

#[test]
fn drops_arrivals_that_wait_too_long() {
    // Two users, each busy for 2 s because the server never answers, and a wait of 100 ms.
    let scenario = SCENARIO
        .replace("users = 50", "users = 2\nwait = \"100ms\"")
        .replace("timeout = \"300ms\"", "timeout = \"2s\"");
    let server = RawServer::always(b"", AfterAnswer::Hang);
    let ran = support::run(&scenario, server.address, |_| ());
    let total = ran.total();
    assert_eq!(
        (total.planned, total.sent, total.dropped),
        (ARRIVALS, 2, ARRIVALS - 2)
    );
}

#[test]
fn waiting_for_a_user_is_not_lag() {
    // One user and a server that takes 20 ms: 40 arrivals in 200 ms wait for up to 600 ms.
    let scenario = SCENARIO.replace("users = 50", "users = 1");
    let server = RawServer::start(|_| {
        std::thread::sleep(Duration::from_millis(20));
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
            AfterAnswer::KeepAlive,
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
        "the wait is not lag"
    );
}

#[test]
fn first_arrival_at_zero_has_service_time() {
    // The clock starts shortly after preparation; the first entry of a trace is due at zero.
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
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    let scenario = tenfold_scenarios::Scenario::read(&path).unwrap();
    let ran = support::run_scenario(scenario, server.address, |_| ());
    assert_eq!(ran.total().completed, 1);
    assert!(
        ran.latency(Metric::Service).min() > 1_000,
        "an exchange takes microseconds"
    );
}
