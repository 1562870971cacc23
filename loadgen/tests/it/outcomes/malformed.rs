//! What is not HTTP is `malformed`, however long it is.

use std::time::Duration;

use super::{SCENARIO, all_failed};
use crate::support;
use crate::support::raw::{Act, RawServer, Then};

/// What the generator may read of a head before it gives up, and what the buffers of two sockets
/// hold.
const MOST_TAKEN: u64 = 16 * 1024 * 1024;

fn malformed(answer: &[u8]) {
    for then in [Then::Close, Then::KeepAlive] {
        all_failed(&RawServer::always(answer, then), "malformed");
    }
}

#[test]
fn what_is_not_http_is_malformed() {
    malformed(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
    malformed(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n");
    malformed(b"{\"status\": 200}\r\n\r\n");
}

#[test]
fn a_status_line_has_a_version_and_a_status() {
    malformed(b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/9.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_header_has_a_name_and_a_colon() {
    malformed(b"HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 200 OK\r\n: no name\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 200 OK\r\na name: x\r\ncontent-length: 0\r\n\r\n");
    malformed(b"HTTP/1.1 200 OK\r\nname: \x00\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_length_is_one_number() {
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello");
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhello");
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nhello");
    malformed(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello");
}

#[test]
fn a_chunk_has_a_size_and_an_end() {
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
fn a_head_without_end_is_given_up() {
    let scenario = SCENARIO
        .replace("rate = \"200/s\"", "rate = \"20/s\"")
        .replace("timeout = \"300ms\"", "timeout = \"10s\"");
    let flood = |line: Vec<u8>| {
        let server = RawServer::script(move |_| {
            let head = b"HTTP/1.1 200 OK\r\n".to_vec();
            let flood = Act::Flood(line.clone(), Duration::ZERO, 64 * 1024 * 1024);
            (vec![Act::Write(head), flood], Then::Close)
        });
        let total = support::run(&scenario, server.address, |_| ()).total();
        assert_eq!(total.failures.get("malformed"), Some(&4), "{total:?}");
        assert_eq!(server.requests(), 4);
        assert!(
            server.flooded() < 4 * MOST_TAKEN,
            "{} bytes",
            server.flooded()
        );
    };
    // Headers without end, and one header without end.
    flood(format!("x-a: {}\r\n", "b".repeat(4096)).into_bytes());
    flood(vec![b'x'; 4096]);
}

#[test]
fn trailers_without_end_are_given_up() {
    let scenario = SCENARIO
        .replace("rate = \"200/s\"", "rate = \"20/s\"")
        .replace("timeout = \"300ms\"", "timeout = \"10s\"");
    let server = RawServer::script(|_| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n".to_vec();
        let trailer = format!("x-a: {}\r\n", "b".repeat(4096)).into_bytes();
        let flood = Act::Flood(trailer, Duration::ZERO, 64 * 1024 * 1024);
        (vec![Act::Write(head), flood], Then::Close)
    });
    let total = support::run(&scenario, server.address, |_| ()).total();
    assert_eq!(total.failures.get("malformed"), Some(&4), "{total:?}");
    assert!(
        server.flooded() < 4 * MOST_TAKEN,
        "{} bytes",
        server.flooded()
    );
}
