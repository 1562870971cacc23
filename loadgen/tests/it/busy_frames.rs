//! HTTP/2 answers in many frames: valid, however small the frames are.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;

use tenfold_loadgen::{DialOptions, HttpVersion, Target};
use tenfold_scenarios::Scenario;

use crate::support::burst::{ARRIVALS, SCENARIO};
use crate::support::http2_frames::{END_STREAM, PADDED, data, head, serve};
use crate::support::{self, FinishedRun};

/// Sends a burst over HTTP/2 to a server that answers with these frames.
fn run(answer: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> FinishedRun {
    let address = serve(answer);
    let target: Target = format!("http://{address}").parse().unwrap();
    let options = DialOptions {
        http: HttpVersion::Http2,
        ..DialOptions::default()
    };
    // Two of the answers take more than 300 ms on a busy machine.
    let scenario = SCENARIO.replace("timeout = \"300ms\"", "timeout = \"20s\"");
    let scenario = Scenario::parse(&scenario, Path::new("test.toml")).unwrap();
    support::try_run(scenario, target.with(options).unwrap(), |_| ()).unwrap()
}

fn assert_all_complete(ran: &FinishedRun, body_bytes: u64) {
    let total = ran.total();
    assert_eq!(
        (total.completed, total.failed),
        (ARRIVALS, 0),
        "{total:?} {:?}",
        ran.recording.counts.connections
    );
    assert_eq!(total.body_bytes, ARRIVALS * body_bytes);
    let connections = ran.recording.counts.connections.as_ref().unwrap();
    assert_eq!(connections.opened, 1, "{connections:?}");
}

#[test]
fn empty_frames_are_no_failure() {
    let ran = run(|stream| {
        let mut bytes = head(stream);
        for _ in 0..50 {
            bytes.extend(data(stream, 0, b""));
        }
        bytes.extend(data(stream, 0, b"ok"));
        bytes.extend(data(stream, 0, b""));
        bytes.extend(data(stream, END_STREAM, b""));
        bytes
    });
    assert_all_complete(&ran, 2);
}

#[test]
fn frames_of_one_byte_are_no_failure() {
    let ran = run(|stream| {
        let mut bytes = head(stream);
        for _ in 0..20_000 {
            bytes.extend(data(stream, 0, b"x"));
        }
        bytes.extend(data(stream, END_STREAM, b""));
        bytes
    });
    assert_all_complete(&ran, 20_000);
}

#[test]
fn padded_frames_are_no_failure() {
    let ran = run(|stream| {
        let mut bytes = head(stream);
        bytes.extend(data(stream, PADDED, b"\x05ok\0\0\0\0\0"));
        bytes.extend(data(stream, END_STREAM, b""));
        bytes
    });
    assert_all_complete(&ran, 2);
}

/// Frames of padding alone, which only the library's own limit forbids: 100 a connection.
#[test]
fn limit_of_the_library_is_blamed_on_the_generator() {
    let ran = run(|stream| {
        let mut bytes = head(stream);
        for _ in 0..200 {
            bytes.extend(data(stream, PADDED, b"\x01\0"));
        }
        bytes.extend(data(stream, END_STREAM, b"ok"));
        bytes
    });
    let total = ran.total();
    assert_eq!(
        total.failures.keys().collect::<Vec<_>>(),
        ["generator_limit"],
        "{total:?}"
    );
}
