//! Slow servers: attribution of their delays, and timeouts.

use std::time::Duration;

use tenfold_run_dir::Metric;

use super::{ARRIVALS, SCENARIO, assert_all_failed, outcome_of};
use crate::support;
use crate::support::raw::{Action, AfterAnswer, RawServer};

/// Long compared with scheduling delays, short compared with the timeout.
const PAUSE: Duration = Duration::from_millis(120);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";

/// The medians of the time to the first byte and of the service time, in seconds.
fn medians(acts: Vec<Action>) -> (f64, f64) {
    let server = RawServer::script(move |_| (acts.clone(), AfterAnswer::KeepAlive));
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
fn distinguishes_slow_first_byte_from_slow_body() {
    let head = || Action::Write(HEAD.to_vec());
    let body = || Action::Write(b"hello".to_vec());
    let pause = PAUSE.as_secs_f64();

    let (first_byte, service) = medians(vec![Action::Wait(PAUSE), head(), body()]);
    assert!(first_byte >= pause, "{first_byte}");
    assert!(service - first_byte < pause / 2.0, "{first_byte} {service}");

    let (first_byte, service) = medians(vec![head(), Action::Wait(PAUSE), body()]);
    assert!(first_byte < pause / 2.0, "{first_byte}");
    assert!(service >= pause, "{service}");

    let (first_byte, service) = medians(vec![
        Action::Wait(PAUSE),
        head(),
        Action::Wait(PAUSE),
        body(),
    ]);
    assert!(first_byte >= pause, "{first_byte}");
    assert!(
        service - first_byte >= pause * 0.99,
        "{first_byte} {service}"
    );
}

#[test]
fn first_byte_is_start_of_slow_head() {
    let acts = vec![
        Action::Write(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Action::Wait(Duration::from_millis(50)),
        Action::Write(b"content-length: 5\r\n\r\n".to_vec()),
        Action::Wait(Duration::from_millis(80)),
        Action::Write(b"hello".to_vec()),
    ];
    let (first_byte, service) = medians(acts);
    assert!(first_byte < 0.04, "the head began at once: {first_byte}");
    assert!(service >= 0.13, "{service}");
}

#[test]
fn first_byte_is_that_of_final_head() {
    // The interim answer arrives in two pieces. The second includes the start of the final head.
    let acts = vec![
        Action::Write(b"HTTP/1.1 103 Early".to_vec()),
        Action::Wait(PAUSE),
        Action::Write(b" Hints\r\n\r\nHTTP/1.1 200 OK\r\n".to_vec()),
        Action::Wait(PAUSE),
        Action::Write(b"content-length: 5\r\n\r\nhello".to_vec()),
    ];
    let (first_byte, service) = medians(acts);
    let pause = PAUSE.as_secs_f64();
    assert!((pause..pause * 1.5).contains(&first_byte), "{first_byte}");
    assert!(service >= pause * 2.0, "{service}");
}

#[test]
fn interim_answer_is_not_first_byte() {
    let hints = Action::Write(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec());
    let answer = Action::Write([HEAD, b"hello"].concat());
    let (first_byte, service) = medians(vec![hints, Action::Wait(PAUSE), answer]);
    let pause = PAUSE.as_secs_f64();
    assert!(first_byte >= pause, "{first_byte}");
    assert!(service - first_byte < pause / 2.0, "{first_byte} {service}");
}

#[test]
fn silence_times_out() {
    assert_all_failed(&RawServer::always(b"", AfterAnswer::Hang), "timeout");
    let head_only = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel";
    assert_all_failed(&RawServer::always(head_only, AfterAnswer::Hang), "timeout");
}

#[test]
fn trickle_times_out() {
    // Each byte arrives in time, but the answer never ends.
    let pause = Duration::from_millis(20);
    let bytes_max = 1_000_000;
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
            let flood = Action::Flood(flood.to_vec(), pause, bytes_max);
            (
                vec![Action::Write(head.to_vec()), flood],
                AfterAnswer::Close,
            )
        });
        assert_all_failed(&server, "timeout");
    }
}

#[test]
fn timed_out_connection_is_not_reused() {
    // The answer to the first request arrives after its timeout. The second must not receive it.
    let scenario = SCENARIO
        .replace("users = 50", "users = 1")
        .replace("timeout = \"300ms\"", "timeout = \"50ms\"")
        .replace("rate = \"200/s\"", "rate = \"20/s\"")
        .replace("duration = \"200ms\"", "duration = \"2s\"");
    let server = RawServer::script(|number| {
        if number % 2 == 0 {
            let late = b"HTTP/1.1 500 Late\r\ncontent-length: 0\r\n\r\n".to_vec();
            let wait = Action::Wait(Duration::from_millis(75));
            (vec![wait, Action::Write(late)], AfterAnswer::KeepAlive)
        } else {
            (
                vec![Action::Write([HEAD, b"hello"].concat())],
                AfterAnswer::KeepAlive,
            )
        }
    });
    let total = outcome_of(&scenario, &server);
    assert_eq!(total.failures.get("timeout"), Some(&(ARRIVALS / 2)));
    assert_eq!(total.completed, ARRIVALS / 2, "{total:?}");
    assert_eq!(server.requests(), ARRIVALS);
}

#[test]
fn timeout_counts_as_response_time() {
    let ran = support::run(
        SCENARIO,
        RawServer::always(b"", AfterAnswer::Hang).address,
        |_| (),
    );
    let response = ran.latency(Metric::Response);
    assert_eq!(response.len(), ARRIVALS);
    assert!(response.min() >= 299_000_000, "{} ns", response.min());
}
