//! Connections that end when they should not, and what that makes of the requests on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{ARRIVALS, all_complete, all_failed, one_user, outcome_of};
use crate::support;
use crate::support::raw::{Act, RawServer, Then};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Writes the bytes, gives them time to arrive, and resets the connection.
fn then_resets(bytes: &'static [u8]) -> RawServer {
    RawServer::script(move |_| {
        let wait = Act::Wait(Duration::from_millis(10));
        (vec![Act::Write(bytes.to_vec()), wait], Then::Reset)
    })
}

#[test]
fn a_server_that_closes_between_requests_costs_none() {
    // It announces nothing: every connection ends after one answer.
    all_complete(&RawServer::always(HELLO, Then::Close), 5);
    all_complete(&RawServer::always(HELLO, Then::Reset), 5);
}

#[test]
fn a_user_notices_that_its_connection_has_ended() {
    for then in [Then::Close, Then::Reset] {
        let server = RawServer::always(HELLO, then);
        let total = outcome_of(&one_user(), &server);
        // On a machine that is busy for a moment a request may be under way while its connection
        // is closed: nobody reads it, and it is said to be lost.
        assert!(total.failed <= ARRIVALS / 4, "{total:?}");
        assert_eq!(
            total.failures.get("connection").copied().unwrap_or(0),
            total.failed
        );
        assert_eq!(server.requests(), total.completed);
    }
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
fn chunks_without_the_last_are_a_short_body() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    all_failed(&RawServer::always(answer, Then::Close), "short_body");
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-a: b";
    all_failed(&RawServer::always(answer, Then::Close), "short_body");
}

#[test]
fn a_reset_is_a_lost_connection_before_the_body_and_a_short_body_within() {
    all_failed(&then_resets(b""), "connection");
    all_failed(&then_resets(b"HTTP/1.1 200 OK\r\ncont"), "connection");
    all_failed(
        &then_resets(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        "connection",
    );
    all_failed(
        &then_resets(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello"),
        "short_body",
    );
    all_failed(
        &then_resets(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        "short_body",
    );
    // Only an orderly end of the connection is the end of such a body.
    all_failed(&then_resets(b"HTTP/1.1 200 OK\r\n\r\nhello"), "short_body");
}

#[test]
fn a_request_that_was_read_is_not_sent_again() {
    // The connection has served one request, so it ends for a reason of its own, or for this request's:
    // nobody can tell, and a write that is sent twice is worse than one that is said to be lost.
    let server = RawServer::start(|number| match number % 2 {
        0 => (HELLO.to_vec(), Then::KeepAlive),
        _ => (Vec::new(), Then::Close),
    });
    let total = outcome_of(&one_user(), &server);
    assert_eq!(total.completed, ARRIVALS / 2);
    assert_eq!(
        total.failures,
        BTreeMap::from([("connection".to_owned(), ARRIVALS / 2)])
    );
    assert_eq!(server.requests(), ARRIVALS);
}

#[test]
fn a_server_that_stops_listening_refuses_connections() {
    let server = RawServer::start(|number| match number {
        9 => (HELLO.to_vec(), Then::Vanish),
        _ => (HELLO.to_vec(), Then::Close),
    });
    let total = outcome_of(&one_user(), &server);
    assert_eq!(total.completed, 10, "{total:?}");
    // On a machine that is busy for a moment a request may be under way while its connection is
    // closed.
    let under_way = total.failures.get("connection").copied().unwrap_or(0);
    assert!(under_way <= ARRIVALS / 4, "{total:?}");
    assert_eq!(
        total.failures.get("connect"),
        Some(&(ARRIVALS - 10 - under_way))
    );
    assert_eq!(
        total.not_written,
        ARRIVALS - 10 - under_way,
        "what found no connection was written to none"
    );
    assert_eq!(server.requests(), 10);
}

/// Closes keep-alive connections at random moments: at once, a little later, with a FIN or a RST,
/// with and without an answer. What was answered is complete; what was not is lost; and a request
/// that the server never read (it was under way when the connection ended) is lost too, or was
/// sent again on a fresh connection, but counts once.
#[test]
fn connections_that_close_at_random_lose_what_was_on_them_and_nothing_else() {
    for seed in 0..4 {
        let answered = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&answered);
        let server = RawServer::script(move |number| {
            // Weyl's sequence scrambled: enough to be unlike any period of the generator's.
            let random = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (seed * 0xD1B5_4A32);
            let random = random ^ (random >> 29);
            let wait = Act::Wait(Duration::from_micros(random % 9_000));
            if random % 7 != 0 {
                count.fetch_add(1, Ordering::SeqCst);
            }
            match random % 7 {
                0 => (
                    vec![wait],
                    [Then::Close, Then::Reset][(random >> 32) as usize % 2],
                ),
                1 | 2 => (vec![Act::Write(HELLO.to_vec()), wait], Then::Close),
                3 => (vec![Act::Write(HELLO.to_vec()), wait], Then::Reset),
                _ => (vec![Act::Write(HELLO.to_vec())], Then::KeepAlive),
            }
        });
        let scenario = one_user()
            .replace("users = 1", "users = 3")
            .replace("rate = \"200/s\"", "rate = \"1000/s\"");
        let total = support::run(&scenario, server.address, |_| ()).total();
        let (answered, read) = (answered.load(Ordering::SeqCst), server.requests());
        assert_eq!((total.planned, total.dropped), (200, 0), "{total:?}");
        assert_eq!(total.completed, answered, "{total:?}");
        assert_eq!(
            total.failures.get("connection").copied().unwrap_or(0),
            total.failed,
            "{total:?}"
        );
        let never_read = total.sent - read;
        assert_eq!(
            total.failed,
            (read - answered) + never_read,
            "a request was read twice: {total:?}"
        );
        assert!(total.completed >= 50, "{total:?}");
    }
}
