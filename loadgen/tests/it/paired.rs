//! Paired runs: one scenario, two servers, with every arrival sent to both.

#![expect(clippy::unwrap_used, reason = "test helpers may panic")]

use crate::support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use support::FinishedRun;
use support::raw::{Action, AfterAnswer, RawServer};
use support::shop::Shop;
use tenfold_loadgen::{DialOptions, HttpVersion, LoadError, Target};
use tenfold_run_dir::agreement::Agreement;
use tenfold_run_dir::counts::RequestCounts;
use tenfold_run_dir::timeline::SideRows;
use tenfold_run_dir::{Metric, latency_histogram};
use tenfold_scenarios::{Scenario, Side};

const HEAD: &str = r#"
version = 1
name = "paired"
seed = 3
[load]
arrivals = "even"
users = 60
timeout = "2s"
[[phases]]
name = "steady"
kind = "constant"
rate = "200/s"
duration = "2500ms"
"#;

const GET: &str = "[[requests]]\nname = \"get\"\nkind = \"read\"\npath = \"/\"\n";

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn plain(rest: &str) -> Scenario {
    Scenario::parse(&format!("{HEAD}{rest}"), Path::new("test.toml"))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn target(server: SocketAddr) -> Target {
    format!("http://{server}").parse().unwrap()
}

fn run(rest: &str, baseline: SocketAddr, candidate: SocketAddr) -> FinishedRun {
    let scenario = plain(rest).paired().unwrap();
    let candidate = Some(target(candidate));
    support::try_run_paired(scenario, target(baseline), candidate, |_| ())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The counts of all requests of a side.
fn counts(ran: &FinishedRun, side: Side) -> RequestCounts {
    let mut sum = RequestCounts::default();
    for phase in &ran.recording.counts.phases {
        for (index, counts) in phase.iter().enumerate() {
            if Side::of_index(index, phase.len()) == side {
                sum.add(counts);
            }
        }
    }
    sum
}

/// All values of one metric on a side.
fn latency(ran: &FinishedRun, side: Side, metric: Metric) -> Histogram<u64> {
    let requests = ran.recording.counts.phases[0].len();
    let mut all = latency_histogram();
    for interval in &ran.intervals {
        let of = Side::of_index(interval.series.request, requests);
        if of == side && interval.series.metric == metric {
            interval.histogram.add_to(&mut all);
        }
    }
    all
}

fn rows(ran: &FinishedRun) -> SideRows {
    let mut sum = SideRows::default();
    for row in &ran.recording.timeline.rows {
        sum.add(&row.sides.expect("rows of a paired run have sides"));
    }
    sum
}

fn agreement(ran: &FinishedRun) -> &Agreement {
    ran.recording.agreement.as_ref().expect("the run is paired")
}

#[test]
fn slow_side_does_not_slow_the_other() {
    let quick = RawServer::always(&ok("hello"), AfterAnswer::KeepAlive);
    let slow = RawServer::script(|_| {
        let wait = Action::Wait(Duration::from_millis(40));
        (
            vec![wait, Action::Write(ok("hello"))],
            AfterAnswer::KeepAlive,
        )
    });
    let ran = run(GET, quick.address, slow.address);
    let total = ran.total();
    assert_eq!((total.planned, total.failed, total.dropped), (500, 0, 0));
    assert_eq!((quick.requests(), slow.requests()), (250, 250));
    let [baseline, candidate] = Side::ALL.map(|side| counts(&ran, side));
    assert_eq!((baseline.completed, candidate.completed), (250, 250));
    for metric in [Metric::Response, Metric::Service] {
        let [baseline, candidate] = Side::ALL.map(|side| latency(&ran, side, metric));
        assert!(candidate.min() >= 39_000_000, "{}", candidate.min());
        let median = baseline.value_at_quantile(0.5);
        assert!(median < 20_000_000, "{metric}: {median}");
        // The time line has the same latencies, within the resolution of a histogram.
        let rows = rows(&ran);
        for (row, histogram) in [(rows.baseline, baseline), (rows.candidate, candidate)] {
            assert_eq!((row.sent, row.completed, row.timed()), (250, 250, 250));
            let mean = match metric {
                Metric::Response => row.mean_response_ns(),
                _ => row.mean_service_ns(),
            };
            let off = mean.unwrap() / histogram.mean() - 1.0;
            assert!(off.abs() < 0.01, "{metric}: {off}");
        }
    }
    for row in &ran.recording.timeline.rows {
        let sides = row.sides.unwrap();
        assert_eq!(sides.baseline.sent + sides.candidate.sent, row.sent);
        let done = sides.baseline.completed + sides.candidate.completed;
        assert_eq!(done, row.reads);
    }
    // Of 250 pairs, the first 200 and number 200 are compared.
    let agreement = agreement(&ran);
    assert_eq!((agreement.total().compared, agreement.unmatched), (201, 0));
    assert_eq!(
        agreement.total().bodies_differ + agreement.total().statuses_differ,
        0
    );
    let connections = ran.recording.counts.connections.clone().unwrap();
    assert_eq!(connections.addresses.len(), 2);
    assert_eq!(connections.opened, quick.connections() + slow.connections());
}

#[test]
fn finds_and_shows_differing_answers() {
    let baseline = RawServer::always(&ok("one"), AfterAnswer::KeepAlive);
    let candidate = RawServer::start(|number| match number % 10 {
        0 => (
            b"HTTP/1.1 404 No\r\ncontent-length: 0\r\nset-cookie: sid=abcdef\r\n\r\n".to_vec(),
            AfterAnswer::KeepAlive,
        ),
        1..=4 => (ok("two"), AfterAnswer::KeepAlive),
        _ => (ok("one"), AfterAnswer::KeepAlive),
    });
    let ran = run(GET, baseline.address, candidate.address);
    let agreement = agreement(&ran);
    let get = &agreement.requests[0];
    assert_eq!((get.name.as_str(), get.compared), ("get", 201));
    // The candidate answers roughly in the order of the pairs.
    assert!(get.statuses_differ.abs_diff(20) <= 3, "{get:?}");
    assert!(get.bodies_differ.abs_diff(80) <= 6, "{get:?}");
    assert_eq!(agreement.differences.len(), 3, "{agreement:?}");
    for difference in &agreement.differences {
        assert_eq!(difference.baseline.body, "one");
        match difference.candidate.status {
            404 => assert!(
                difference
                    .candidate
                    .headers
                    .contains(&("set-cookie".to_owned(), "sid=***".to_owned()))
            ),
            _ => assert_eq!(difference.candidate.body, "two"),
        }
    }
    let [baseline, candidate] = Side::ALL.map(|side| counts(&ran, side));
    assert_eq!((baseline.failed, candidate.failed), (0, 25));
}

#[test]
fn dead_side_fails_alone() {
    let baseline = RawServer::always(&ok("hello"), AfterAnswer::KeepAlive);
    let candidate = RawServer::start(|number| match number {
        0..100 => (ok("hello"), AfterAnswer::KeepAlive),
        _ => (ok("bye"), AfterAnswer::Vanish),
    });
    let ran = run(GET, baseline.address, candidate.address);
    let [baseline, candidate] = Side::ALL.map(|side| counts(&ran, side));
    assert_eq!((baseline.completed, baseline.failed), (250, 0));
    assert_eq!(candidate.planned, 250);
    assert!(candidate.completed >= 100, "{candidate:?}");
    assert!(candidate.failures["connect"] > 50, "{candidate:?}");
    let rows = rows(&ran);
    assert_eq!(rows.baseline.failed, 0);
    assert_eq!(rows.candidate.failed, candidate.failed);
    assert_eq!(rows.candidate.completed, candidate.completed);
    let agreement = agreement(&ran);
    assert!(
        agreement.unmatched > 0 && agreement.total().compared >= 100,
        "{agreement:?}"
    );
    assert_eq!(ran.total().in_flight, 0);
}

#[test]
fn each_side_has_its_own_sessions() {
    let baseline = Shop::with_tokens("old");
    let candidate = Shop::with_tokens("new");
    let rest = r#"
[sessions]
login = "log in"
count = 3
[[requests]]
name = "log in"
kind = "write"
weight = 0
method = "POST"
path = "/login"
body = '{"name":"{user}"}'
expect = [201]
capture = { token = "json:/token" }
[[requests]]
name = "order"
kind = "write"
method = "POST"
path = "/orders"
headers = { authorization = "{token}" }
expect = [201]
"#;
    let ran = run(rest, baseline.address, candidate.address);
    assert_eq!(ran.total().failed, 0);
    assert_eq!(ran.recording.counts.set_up_requests, 6);
    let mut tokens = [Vec::new(), Vec::new()];
    for ((shop, word), tokens) in [(&baseline, "old"), (&candidate, "new")]
        .into_iter()
        .zip(&mut tokens)
    {
        *tokens = shop.credentials();
        assert_eq!(tokens.len(), 250);
        assert!(tokens.iter().all(|token| token.starts_with(word)));
        for token in &mut *tokens {
            token.replace_range(..word.len(), "");
        }
        tokens.sort_unstable();
    }
    assert_eq!(
        tokens[0], tokens[1],
        "both sides serve the same users equally often"
    );
}

#[test]
fn journeys_stay_on_one_side() {
    let (baseline, candidate) = (Shop::start(), Shop::start());
    let rest = r#"
[[journeys]]
name = "browse"
think = "5ms"
steps = ["items", { repeat = { min = 1, max = 3 }, steps = ["more"] }]
[[requests]]
name = "items"
kind = "read"
path = "/items?page=1"
capture = { next = "json:/next" }
[[requests]]
name = "more"
kind = "read"
path = "/items?page={next}"
"#;
    let ran = run(rest, baseline.address, candidate.address);
    let total = ran.total();
    assert_eq!((total.failed, total.dropped), (0, 0), "{total:?}");
    let journeys = &ran.recording.counts.journeys;
    let names: Vec<&str> = journeys
        .iter()
        .map(|journey| journey.name.as_str())
        .collect();
    assert_eq!(names, ["browse@baseline", "browse@candidate"]);
    assert!(journeys.iter().all(|journey| journey.begun == 250));
    let [one, two] = Side::ALL.map(|side| counts(&ran, side));
    assert_eq!(baseline.count("GET"), one.sent);
    assert_eq!(candidate.count("GET"), two.sent);
    // The end of the phase cuts off the last few journeys, each at a different step.
    assert!(
        one.sent.abs_diff(two.sent) < 20,
        "{} {}",
        one.sent,
        two.sent
    );
    let agreement = agreement(&ran);
    assert_eq!(agreement.total().bodies_differ, 0, "{agreement:?}");
    assert!(agreement.requests[1].compared > 200, "{agreement:?}");
}

/// The error of a run that can't start.
fn error_of(scenario: Scenario, baseline: Target, candidate: Option<Target>) -> String {
    match support::try_run_paired(scenario, baseline, candidate, |_| ()) {
        Err(error @ (LoadError::Configuration { .. } | LoadError::Unreachable { .. })) => {
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rejects_mismatched_targets_before_sending() {
    let server = RawServer::always(&ok("hello"), AfterAnswer::KeepAlive);
    let here = || target(server.address);
    let paired = || plain(GET).paired().unwrap();
    let message = error_of(paired(), here(), None);
    assert!(message.contains("give a candidate"), "{message}");
    let message = error_of(plain(GET), here(), Some(here()));
    assert!(message.contains("it is not paired"), "{message}");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = unused.local_addr().unwrap();
    drop(unused);
    let message = error_of(paired(), here(), Some(target(closed)));
    assert!(message.contains(&closed.to_string()), "{message}");
    let preface = DialOptions {
        http: HttpVersion::Http2,
        ..DialOptions::default()
    };
    let settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let http2 = RawServer::always(settings, AfterAnswer::KeepAlive);
    let candidate = target(http2.address).with(preface).unwrap();
    let message = error_of(paired(), here(), Some(candidate));
    assert!(
        message.contains("HTTP/1.1 and it speaks HTTP/2"),
        "{message}"
    );
    assert_eq!(server.requests(), 0);
}
