//! Streams of Server-Sent Events: times, ends, and failures.

use crate::support;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use support::FinishedRun;
use support::raw::{Action, AfterAnswer, RawServer};
use support::secure::{self, SecureServer};
use tenfold_loadgen::{DialOptions, HttpVersion};
use tenfold_run_dir::Metric;
use tenfold_scenarios::Scenario;

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const GAP: Duration = Duration::from_millis(40);

fn scenario(stream: &str) -> String {
    format!(
        r#"
version = 1
name = "events"
[load]
arrivals = "even"
users = 20
timeout = "300ms"
[[phases]]
name = "steady"
kind = "constant"
rate = "20/s"
duration = "500ms"
[[requests]]
name = "live"
kind = "read"
path = "/live"
stream = {stream}
"#
    )
}

fn chunk(text: &str) -> Action {
    Action::Write(format!("{:x}\r\n{text}\r\n", text.len()).into_bytes())
}

/// A server of streams of `events` events, [`GAP`] apart, of which the first is halfway split.
fn server(events: usize, then: AfterAnswer) -> RawServer {
    RawServer::script(move |_| {
        let mut actions = vec![Action::Write(HEAD.to_vec())];
        for number in 0..events {
            actions.push(Action::Wait(GAP));
            actions.push(chunk("event: tick\r\nda"));
            actions.push(chunk(&format!("ta: {number}\n\n")));
        }
        if then == AfterAnswer::KeepAlive {
            actions.push(Action::Write(b"0\r\n\r\n".to_vec()));
        }
        (actions, then)
    })
}

fn run(stream: &str, server: &RawServer) -> FinishedRun {
    support::run(&scenario(stream), server.address, |_| ())
}

fn assert_times(ran: &FinishedRun, streams: u64, events: u64) {
    let first = ran.latency(Metric::FirstEvent);
    assert_eq!(first.len(), streams);
    assert!(first.min() >= 39_000_000, "{}", first.min());
    let gaps = ran.latency(Metric::EventGap);
    assert_eq!(gaps.len(), streams * (events - 1));
    let gap_ms = gaps.mean() / 1e6;
    assert!((35.0..60.0).contains(&gap_ms), "{gap_ms}");
    let total = ran.total();
    assert_eq!(total.events, [("tick".to_owned(), streams * events)].into());
}

#[test]
fn records_events_of_stream_that_service_ends() {
    let server = server(4, AfterAnswer::KeepAlive);
    let ran = run("\"sse\"", &server);
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
    assert_times(&ran, 10, 4);
    // The service ended each stream, so its connection is used again.
    assert!(server.connections() < 10, "{}", server.connections());
}

#[test]
fn conditions_end_streams() {
    for (until, events) in [
        ("{ events = 3 }", 3),
        ("{ data = \"2\" }", 3),
        ("{ event = \"tick\" }", 1),
        ("{ event = \"tock\", events = 2 }", 2),
    ] {
        let server = server(100, AfterAnswer::Hang);
        let ran = run(&format!("{{ kind = \"sse\", until = {until} }}"), &server);
        assert_eq!(ran.total().completed, 10, "{until}: {:?}", ran.total());
        assert_eq!(ran.total().events["tick"], 10 * events, "{until}");
        if events > 1 {
            assert_times(&ran, 10, events);
        }
        // The rest of a stream is not read, so its connection is closed.
        assert_eq!(server.connections(), 10);
    }
}

#[test]
fn elapsed_time_ends_silent_stream() {
    let server = server(2, AfterAnswer::Hang);
    let ran = run(
        "{ kind = \"sse\", until = { elapsed = \"200ms\" } }",
        &server,
    );
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
    assert_times(&ran, 10, 2);
    let service = ran.latency(Metric::Service);
    assert!(service.min() >= 199_000_000, "{}", service.min());
}

#[test]
fn timeout_bounds_silence_rather_than_duration() {
    // 12 events take 480 ms, longer than the timeout of 300 ms.
    let long = server(12, AfterAnswer::KeepAlive);
    assert_eq!(run("\"sse\"", &long).total().completed, 10);
    let silent = server(2, AfterAnswer::Hang);
    let total = run("\"sse\"", &silent).total();
    assert_eq!(total.failures, [("timeout".to_owned(), 10)].into());
}

#[test]
fn early_end_and_other_answers_fail() {
    let stream = "{ kind = \"sse\", until = { event = \"done\" } }";
    let no_stream =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (server, expected) in [
        (server(2, AfterAnswer::KeepAlive), "after 2 events"),
        (
            RawServer::always(no_stream, AfterAnswer::KeepAlive),
            "its content-type is `application/json`",
        ),
    ] {
        let ran = run(stream, &server);
        let total = ran.total();
        assert_eq!(total.failures, [("event_stream".to_owned(), 10)].into());
        let connections = ran.recording.counts.connections.unwrap();
        let reason = &connections.first_errors["event_stream"];
        assert!(reason.contains(expected), "{reason}");
    }
    // An event may be too long for the generator.
    let long = [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ".as_slice(),
        &[b'x'; 1024 * 1024],
    ];
    let endless = RawServer::always(&long.concat(), AfterAnswer::KeepAlive);
    let ran = run(stream, &endless);
    assert_eq!(
        ran.total().failures,
        [("generator_limit".to_owned(), 10)].into()
    );
    let connections = ran.recording.counts.connections.unwrap();
    let reason = &connections.first_errors["generator_limit"];
    assert!(reason.contains("longer than 1 MiB"), "{reason}");
    // A connection that breaks is a failure of its own.
    let total = run("\"sse\"", &server(2, AfterAnswer::Close)).total();
    assert_eq!(total.failures, [("short_body".to_owned(), 10)].into());
    let total = run(stream, &server(2, AfterAnswer::Close)).total();
    assert_eq!(total.failures, [("short_body".to_owned(), 10)].into());
    // An unexpected status is not read as a stream.
    let busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy";
    let total = run(stream, &RawServer::always(busy, AfterAnswer::KeepAlive)).total();
    assert_eq!(
        total.failures,
        [("unexpected_status".to_owned(), 10)].into()
    );
}

#[test]
fn streams_over_http_2_and_resets_the_rest() {
    let server = SecureServer {
        http2: true,
        act: |_| secure::Action::Events(GAP),
        ..SecureServer::default()
    }
    .start();
    let text = scenario("{ kind = \"sse\", until = { events = 3 } }");
    let scenario = Scenario::parse(&text, Path::new("events.toml")).unwrap();
    let options = DialOptions {
        http: HttpVersion::Http2,
        ..DialOptions::default()
    };
    let target = format!("http://{}", server.address).parse::<tenfold_loadgen::Target>();
    let target = target.unwrap().with(options).unwrap();
    let ran = support::try_run(scenario, target, |_| ()).unwrap();
    assert_eq!(ran.total().completed, 10, "{:?}", ran.total());
    assert_times(&ran, 10, 3);
    // The server may see the last reset after the end of the run.
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.seen.cancelled.load(Ordering::SeqCst) < 10 {
        assert!(Instant::now() < deadline, "a stream was not reset");
        std::thread::sleep(Duration::from_millis(5));
    }
}
