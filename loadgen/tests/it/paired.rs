//! Paired runs: one scenario, two servers, each arrival of one side with its twin on the other.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, and so may what it calls"
)]

use crate::support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use support::Ran;
use support::raw::{Act, RawServer, Then};
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

fn run(rest: &str, baseline: SocketAddr, candidate: SocketAddr) -> Ran {
    let scenario = plain(rest).paired().unwrap();
    let candidate = Some(target(candidate));
    support::try_run_paired(scenario, target(baseline), candidate, |_| ())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What became of all requests of a side.
fn counts(ran: &Ran, side: Side) -> RequestCounts {
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
fn latency(ran: &Ran, side: Side, metric: Metric) -> Histogram<u64> {
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

fn rows(ran: &Ran) -> SideRows {
    let mut sum = SideRows::default();
    for row in &ran.recording.timeline.rows {
        sum.add(&row.sides.expect("each row of a paired run tells the sides"));
    }
    sum
}

fn agreement(ran: &Ran) -> &Agreement {
    ran.recording.agreement.as_ref().expect("it was paired")
}

#[test]
fn both_sides_get_the_same_number_and_a_slow_one_is_slow_by_itself() {
    let quick = RawServer::always(&ok("hello"), Then::KeepAlive);
    let slow = RawServer::script(|_| {
        let wait = Act::Wait(Duration::from_millis(40));
        (vec![wait, Act::Write(ok("hello"))], Then::KeepAlive)
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
        // The time line has the same latencies, to a histogram's grain.
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
    // Of 250 pairs the first 200 are compared, and number 200.
    let told = agreement(&ran);
    assert_eq!((told.total().compared, told.unmatched), (201, 0));
    assert_eq!(told.total().bodies_differ + told.total().statuses_differ, 0);
    let connections = ran.recording.counts.connections.clone().unwrap();
    assert_eq!(connections.addresses.len(), 2);
    assert_eq!(connections.opened, quick.connections() + slow.connections());
}

#[test]
fn answers_that_differ_are_found_and_shown() {
    let baseline = RawServer::always(&ok("one"), Then::KeepAlive);
    let candidate = RawServer::start(|number| match number % 10 {
        0 => (
            b"HTTP/1.1 404 No\r\ncontent-length: 0\r\nset-cookie: sid=abcdef\r\n\r\n".to_vec(),
            Then::KeepAlive,
        ),
        1..=4 => (ok("two"), Then::KeepAlive),
        _ => (ok("one"), Then::KeepAlive),
    });
    let ran = run(GET, baseline.address, candidate.address);
    let told = agreement(&ran);
    let get = &told.requests[0];
    assert_eq!((get.name.as_str(), get.compared), ("get", 201));
    // The candidate answers in about the order of the pairs.
    assert!(get.statuses_differ.abs_diff(20) <= 3, "{get:?}");
    assert!(get.bodies_differ.abs_diff(80) <= 6, "{get:?}");
    assert_eq!(told.differences.len(), 3, "{told:?}");
    for difference in &told.differences {
        assert_eq!(difference.baseline.body, "one");
        match difference.candidate.status {
            404 => assert!(
                difference
                    .candidate
                    .headers
                    .contains(&("set-cookie".to_owned(), "***".to_owned()))
            ),
            _ => assert_eq!(difference.candidate.body, "two"),
        }
    }
    let [baseline, candidate] = Side::ALL.map(|side| counts(&ran, side));
    assert_eq!((baseline.failed, candidate.failed), (0, 25));
}

#[test]
fn a_side_that_dies_fails_alone_and_the_run_goes_on() {
    let baseline = RawServer::always(&ok("hello"), Then::KeepAlive);
    let candidate = RawServer::start(|number| match number {
        0..100 => (ok("hello"), Then::KeepAlive),
        _ => (ok("bye"), Then::Vanish),
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
    let told = agreement(&ran);
    assert!(
        told.unmatched > 0 && told.total().compared >= 100,
        "{told:?}"
    );
    assert_eq!(ran.total().in_flight, 0);
}

#[test]
fn each_side_has_sessions_of_its_own() {
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
        "the same users, as often on each side"
    );
}

#[test]
fn journeys_go_whole_to_one_side() {
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
    // The last few journeys are cut off by the end of the phase, each at another step.
    assert!(
        one.sent.abs_diff(two.sent) < 20,
        "{} {}",
        one.sent,
        two.sent
    );
    let told = agreement(&ran);
    assert_eq!(told.total().bodies_differ, 0, "{told:?}");
    assert!(told.requests[1].compared > 200, "{told:?}");
}

/// What a run is refused with.
fn refused(scenario: Scenario, baseline: Target, candidate: Option<Target>) -> String {
    match support::try_run_paired(scenario, baseline, candidate, |_| ()) {
        Err(error @ (LoadError::Configuration { .. } | LoadError::Unreachable { .. })) => {
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_go_together_is_refused_before_anything_is_sent() {
    let server = RawServer::always(&ok("hello"), Then::KeepAlive);
    let here = || target(server.address);
    let paired = || plain(GET).paired().unwrap();
    let message = refused(paired(), here(), None);
    assert!(message.contains("give a candidate"), "{message}");
    let message = refused(plain(GET), here(), Some(here()));
    assert!(message.contains("it is not paired"), "{message}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    let message = refused(paired(), here(), Some(target(gone)));
    assert!(message.contains(&gone.to_string()), "{message}");
    let preface = DialOptions {
        http: HttpVersion::Http2,
        ..DialOptions::default()
    };
    let settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let http2 = RawServer::always(settings, Then::KeepAlive);
    let candidate = target(http2.address).with(preface).unwrap();
    let message = refused(paired(), here(), Some(candidate));
    assert!(message.contains("HTTP/1.1 and it with HTTP/2"), "{message}");
    assert_eq!(server.requests(), 0);
}
