//! Every way in which a server can misbehave has its named outcome; nothing hangs, and no request
//! is counted twice.

mod support;

use std::collections::BTreeMap;

use support::raw::{RawServer, Then};
use tenfold_run_dir::Metric;
use tenfold_run_dir::counts::RequestCounts;

/// 40 arrivals in 200 ms.
const SCENARIO: &str = r#"
version = 1
name = "outcomes"
seed = 3
[load]
arrivals = "even"
users = 50
timeout = "300ms"
[[phases]]
name = "steady"
kind = "constant"
rate = "200/s"
duration = "200ms"
[[requests]]
name = "get"
kind = "read"
weight = 1
path = "/"
"#;

const ARRIVALS: u64 = 40;

fn outcome(server: &RawServer) -> RequestCounts {
    let total = support::run(SCENARIO, server.address, |_| ()).total();
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
    assert_eq!(
        server.requests(),
        ARRIVALS,
        "a request was sent twice, or not at all"
    );
}

fn all_complete(server: &RawServer, body_bytes: u64) {
    let total = outcome(server);
    assert_eq!(total.completed, ARRIVALS, "{total:?}");
    assert_eq!(total.body_bytes, ARRIVALS * body_bytes);
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
fn an_answer_without_length_ends_with_its_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::Close), 5);
}

#[test]
fn http_1_0_is_understood() {
    let answer = b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::Close), 5);
}

#[test]
fn chunks_and_trailers_are_read_to_the_end() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
        3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n";
    all_complete(&RawServer::always(answer, Then::KeepAlive), 5);
}

#[test]
fn interim_answers_are_passed_over() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::KeepAlive), 5);
}

#[test]
fn a_server_that_closes_between_requests_costs_none() {
    // It announces nothing: every connection ends after one answer.
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::Close), 5);
}

#[test]
fn a_redirect_is_not_followed() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    let server = RawServer::always(answer, Then::KeepAlive);
    all_failed(&server, "unexpected_status");
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
fn a_short_body_is_told_from_a_lost_connection() {
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello";
    all_failed(&RawServer::always(short, Then::Close), "short_body");
    all_failed(&RawServer::always(b"", Then::Close), "connection");
    all_failed(
        &RawServer::always(b"HTTP/1.1 200 OK\r\ncont", Then::Close),
        "connection",
    );
}

#[test]
fn a_short_chunk_is_a_short_body() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhello";
    all_failed(&RawServer::always(answer, Then::Close), "short_body");
}

#[test]
fn what_is_not_http_is_malformed() {
    all_failed(
        &RawServer::always(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Then::Close),
        "malformed",
    );
    let chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n";
    let total = outcome(&RawServer::always(chunk, Then::Close));
    assert_eq!(total.failed, ARRIVALS, "{total:?}");
}

#[test]
fn silence_is_a_timeout() {
    all_failed(&RawServer::always(b"", Then::Hang), "timeout");
    let head_only = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel";
    all_failed(&RawServer::always(head_only, Then::Hang), "timeout");
}

#[test]
fn a_timeout_counts_with_at_least_its_time() {
    let ran = support::run(SCENARIO, RawServer::always(b"", Then::Hang).address, |_| ());
    let response = ran.latency(Metric::Response);
    assert_eq!(response.len(), ARRIVALS);
    assert!(response.min() >= 299_000_000, "{} ns", response.min());
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
        std::thread::sleep(std::time::Duration::from_millis(20));
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
