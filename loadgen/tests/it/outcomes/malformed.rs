//! Answers that are not HTTP are `malformed`, at any length.

use std::time::Duration;

use super::{SCENARIO, assert_all_failed};
use crate::support;
use crate::support::raw::{Action, AfterAnswer, RawServer};

/// The most bytes of a head that the generator and the buffers of two sockets accept.
const ACCEPTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

fn malformed(answer: &[u8]) {
    for then in [AfterAnswer::Close, AfterAnswer::KeepAlive] {
        assert_all_failed(&RawServer::always(answer, then), "malformed");
    }
}

#[test]
fn other_protocols_are_malformed() {
    malformed(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
    malformed(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n");
    malformed(b"{\"status\": 200}\r\n\r\n");
}

#[test]
fn invalid_status_lines_are_malformed() {
    malformed(b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/9.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn invalid_headers_are_malformed() {
    malformed(b"HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 200 OK\r\n: no name\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 200 OK\r\na name: x\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 200 OK\r\nname: \x00\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn invalid_lengths_are_malformed() {
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello");
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhello");
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nhello");
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello");
}

#[test]
fn invalid_chunks_are_malformed() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
    ] {
        malformed(format!("{HEAD}{chunks}").as_bytes());
    }
}

#[test]
fn endless_head_exceeds_a_limit_of_the_generator() {
    let scenario = SCENARIO
        .replace("rate = \"200/s\"", "rate = \"20/s\"")
        .replace("timeout = \"300ms\"", "timeout = \"10s\"");
    let flood = |line: Vec<u8>| {
        let server = RawServer::script(move |_| {
            let head = b"HTTP/1.1 200 OK\r\n".to_vec();
            let flood = Action::Flood(line.clone(), Duration::ZERO, 64 * 1024 * 1024);
            (vec![Action::Write(head), flood], AfterAnswer::Close)
        });
        let total = support::run(&scenario, server.address, |_| ()).total();
        assert_eq!(total.failures.get("generator_limit"), Some(&4), "{total:?}");
        assert_eq!(server.requests(), 4);
        assert!(
            server.flooded() < 4 * ACCEPTED_BYTES_MAX,
            "{} bytes",
            server.flooded()
        );
    };
    // Endless headers, and one endless header.
    flood(format!("x-a: {}\r\n", "b".repeat(4096)).into_bytes());
    flood(vec![b'x'; 4096]);
}

#[test]
fn endless_trailers_exceed_a_limit_of_the_generator() {
    let scenario = SCENARIO
        .replace("rate = \"200/s\"", "rate = \"20/s\"")
        .replace("timeout = \"300ms\"", "timeout = \"10s\"");
    let server = RawServer::script(|_| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n".to_vec();
        let trailer = format!("x-a: {}\r\n", "b".repeat(4096)).into_bytes();
        let flood = Action::Flood(trailer, Duration::ZERO, 64 * 1024 * 1024);
        (vec![Action::Write(head), flood], AfterAnswer::Close)
    });
    let total = support::run(&scenario, server.address, |_| ()).total();
    assert_eq!(total.failures.get("generator_limit"), Some(&4), "{total:?}");
    assert!(
        server.flooded() < 4 * ACCEPTED_BYTES_MAX,
        "{} bytes",
        server.flooded()
    );
}
