//! Servers that take their time: which part of it is which, and that none takes for ever.

use std::time::Duration;

use tenfold_run_dir::Metric;

use super::{ARRIVALS, SCENARIO, all_failed, outcome_of};
use crate::support;
use crate::support::raw::{Act, RawServer, Then};

/// Long beside what a busy machine adds, short beside the timeout.
const PAUSE: Duration = Duration::from_millis(120);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";

/// The medians of first byte and service time, in seconds.
fn medians(acts: Vec<Act>) -> (f64, f64) {
    let server = RawServer::script(move |_| (acts.clone(), Then::KeepAlive));
    let scenario = SCENARIO.replace("timeout = \"300ms\"", "timeout = \"5s\"");
    let ran = support::run(&scenario, server.address, |_| ());
    assert_eq!(ran.total().completed, ARRIVALS);
    let median = |metric| {
        let histogram = ran.latency(metric);
        assert_eq!(histogram.len(), ARRIVALS, "{metric}");
        histogram.value_at_quantile(0.5) as f64 / 1e9
    };
    (median(Metric::FirstByte), median(Metric::Service))
}

#[test]
fn a_slow_first_byte_is_told_from_a_slow_body() {
    let head = || Act::Write(HEAD.to_vec());
    let body = || Act::Write(b"hello".to_vec());
    let pause = PAUSE.as_secs_f64();

    let (first_byte, service) = medians(vec![Act::Wait(PAUSE), head(), body()]);
    assert!(first_byte >= pause, "{first_byte}");
    assert!(service - first_byte < pause / 2.0, "{first_byte} {service}");

    let (first_byte, service) = medians(vec![head(), Act::Wait(PAUSE), body()]);
    assert!(first_byte < pause / 2.0, "{first_byte}");
    assert!(service >= pause, "{service}");

    let (first_byte, service) = medians(vec![Act::Wait(PAUSE), head(), Act::Wait(PAUSE), body()]);
    assert!(first_byte >= pause, "{first_byte}");
    assert!(
        service - first_byte >= pause * 0.99,
        "{first_byte} {service}"
    );
}

#[test]
fn a_slow_head_is_told_from_a_slow_body() {
    let acts = vec![
        Act::Write(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Act::Wait(Duration::from_millis(50)),
        Act::Write(b"content-length: 5\r\n\r\n".to_vec()),
        Act::Wait(Duration::from_millis(80)),
        Act::Write(b"hello".to_vec()),
    ];
    let (first_byte, service) = medians(acts);
    assert!(first_byte < 0.04, "the head had begun: {first_byte}");
    assert!(service >= 0.13, "{service}");
}

#[test]
fn a_head_that_follows_an_interim_answer_begins_on_its_own() {
    // The interim answer comes in two pieces, and the second brings the beginning of the head.
    let acts = vec![
        Act::Write(b"HTTP/1.1 103 Early".to_vec()),
        Act::Wait(PAUSE),
        Act::Write(b" Hints\r\n\r\nHTTP/1.1 200 OK\r\n".to_vec()),
        Act::Wait(PAUSE),
        Act::Write(b"content-length: 5\r\n\r\nhello".to_vec()),
    ];
    let (first_byte, service) = medians(acts);
    let pause = PAUSE.as_secs_f64();
    assert!((pause..pause * 1.5).contains(&first_byte), "{first_byte}");
    assert!(service >= pause * 2.0, "{service}");
}

#[test]
fn an_interim_answer_is_not_the_first_byte() {
    let hints = Act::Write(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec());
    let answer = Act::Write([HEAD, b"hello"].concat());
    let (first_byte, service) = medians(vec![hints, Act::Wait(PAUSE), answer]);
    let pause = PAUSE.as_secs_f64();
    assert!(first_byte >= pause, "{first_byte}");
    assert!(service - first_byte < pause / 2.0, "{first_byte} {service}");
}

#[test]
fn silence_is_a_timeout() {
    all_failed(&RawServer::always(b"", Then::Hang), "timeout");
    let head_only = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel";
    all_failed(&RawServer::always(head_only, Then::Hang), "timeout");
}

#[test]
fn a_trickle_is_a_timeout() {
    // Each byte comes in time, the answer never does.
    let pause = Duration::from_millis(20);
    let most = 1_000_000;
    for (head, flood) in [
        (&b"HTTP/1.1 200 OK\r\nx-a: "[..], &b"b"[..]),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"1\r\nx\r\n",
        ),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let server = RawServer::script(move |_| {
            let flood = Act::Flood(flood.to_vec(), pause, most);
            (vec![Act::Write(head.to_vec()), flood], Then::Close)
        });
        all_failed(&server, "timeout");
    }
}

#[test]
fn a_connection_that_timed_out_is_used_no_more() {
    // The answer to the first request comes after its timeout; the second must not take it for its
    // own.
    let scenario = SCENARIO
        .replace("users = 50", "users = 1")
        .replace("timeout = \"300ms\"", "timeout = \"50ms\"")
        .replace("rate = \"200/s\"", "rate = \"20/s\"")
        .replace("duration = \"200ms\"", "duration = \"2s\"");
    let server = RawServer::script(|number| {
        if number % 2 == 0 {
            let late = b"HTTP/1.1 500 Late\r\ncontent-length: 0\r\n\r\n".to_vec();
            let wait = Act::Wait(Duration::from_millis(75));
            (vec![wait, Act::Write(late)], Then::KeepAlive)
        } else {
            (vec![Act::Write([HEAD, b"hello"].concat())], Then::KeepAlive)
        }
    });
    let total = outcome_of(&scenario, &server);
    assert_eq!(total.failures.get("timeout"), Some(&(ARRIVALS / 2)));
    assert_eq!(total.completed, ARRIVALS / 2, "{total:?}");
    assert_eq!(server.requests(), ARRIVALS);
}

#[test]
fn a_timeout_counts_with_at_least_its_time() {
    let ran = support::run(SCENARIO, RawServer::always(b"", Then::Hang).address, |_| ());
    let response = ran.latency(Metric::Response);
    assert_eq!(response.len(), ARRIVALS);
    assert!(response.min() >= 299_000_000, "{} ns", response.min());
}
