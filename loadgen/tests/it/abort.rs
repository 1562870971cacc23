//! Abort rules end exactly the runs that miss them, and the record is kept.

use crate::support;

use std::time::{Duration, Instant};

use support::FinishedRun;
use support::raw::{AfterAnswer, RawServer};

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const BAD: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// Runs for up to 6 s, including 1 s of warm-up, with one rule. `answer` maps the number of a request to its
/// answer.
fn run(rule: &str, answer: fn(u64) -> &'static [u8]) -> (FinishedRun, Duration) {
    let server = RawServer::start(move |number| (answer(number).to_vec(), AfterAnswer::KeepAlive));
    let scenario = format!(
        r#"
version = 1
name = "abort"
rules = [{rule}]
[load]
arrivals = "even"
users = 20
[[phases]]
name = "warm-up"
kind = "constant"
rate = "200/s"
duration = "1s"
warm_up = true
[[phases]]
name = "steady"
kind = "constant"
rate = "200/s"
duration = "5s"
[[requests]]
name = "get"
kind = "read"
weight = 1
path = "/"
"#
    );
    let begun = Instant::now();
    let ran = support::run(&scenario, server.address, |_| ());
    // The identities also hold for an aborted run.
    let _ = ran.total();
    (ran, begun.elapsed())
}

#[test]
fn missed_rule_ends_run() {
    let half = |number| if number % 2 == 0 { GOOD } else { BAD };
    let (ran, took) = run("{ rule = 'errors < 5%', abort = true }", half);
    let counts = &ran.recording.counts;
    let aborted = counts.aborted.as_ref().expect("the run is aborted");
    assert_eq!(aborted.rule, 0);
    assert!((aborted.measured - 0.5).abs() < 0.05, "{aborted:?}");
    assert!(aborted.samples >= 20, "{aborted:?}");
    assert!(
        aborted.at_ns >= 2_000_000_000,
        "the first second is warm-up: {aborted:?}"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    let reason = counts.interrupted.as_deref().unwrap();
    assert!(
        reason.starts_with("aborted by rule `errors < 5%, abort` at "),
        "{reason}"
    );
}

#[test]
fn latency_rule_ends_run_after_its_delay() {
    let slow = |_| {
        std::thread::sleep(Duration::from_millis(30));
        GOOD
    };
    let (ran, _) = run("'p90 < 5ms for reads, abort after 2s'", slow);
    let aborted = ran.recording.counts.aborted.expect("the run is aborted");
    assert!(aborted.at_ns >= 3_000_000_000, "{aborted:?}");
    assert!(aborted.measured > 30e6, "{aborted:?}");
}

#[test]
fn met_or_plain_rule_ends_nothing() {
    // All answers of the warm-up are bad, then two in a hundred.
    let few = |number| {
        if number < 190 || number % 50 == 0 {
            BAD
        } else {
            GOOD
        }
    };
    let (ran, _) = run("'errors < 5%, abort', 'max < 1us'", few);
    let counts = &ran.recording.counts;
    assert_eq!((&counts.aborted, &counts.interrupted), (&None, &None));
    assert_eq!(ran.total().sent, 1_200);
}
