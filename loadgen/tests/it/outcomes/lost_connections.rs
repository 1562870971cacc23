//! Connections that end early, and the outcomes of their requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{ARRIVALS, SCENARIO, assert_all_failed, one_user, outcome_of};
use crate::support;
use crate::support::raw::{Action, AfterAnswer, RawServer};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Writes the bytes, gives them time to arrive, and resets the connection.
fn then_resets(bytes: &'static [u8]) -> RawServer {
    RawServer::script(move |_| {
        let wait = Action::Wait(Duration::from_millis(10));
        (
            vec![Action::Write(bytes.to_vec()), wait],
            AfterAnswer::Reset,
        )
    })
}

#[test]
fn user_detects_closed_connection() {
    // Every connection ends after one answer, unannounced.
    let ends = [AfterAnswer::Close, AfterAnswer::Reset];
    let cases = ends
        .into_iter()
        .flat_map(|then| [(then, one_user()), (then, SCENARIO.to_owned())]);
    for (then, scenario) in cases {
        let server = RawServer::always(HELLO, then);
        let total = outcome_of(&scenario, &server);
        // A request may be in flight when its connection closes. It is never read and counts as lost.
        assert!(total.failed <= ARRIVALS / 4, "{total:?}");
        assert_eq!(
            total.failures.get("closed_idle").copied().unwrap_or(0),
            total.failed
        );
        assert_eq!(server.requests(), total.completed);
    }
}

#[test]
fn distinguishes_short_body_from_lost_connection() {
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello";
    assert_all_failed(&RawServer::always(short, AfterAnswer::Close), "short_body");
    assert_all_failed(&RawServer::always(b"", AfterAnswer::Close), "connection");
    assert_all_failed(
        &RawServer::always(b"HTTP/1.1 200 OK\r\ncont", AfterAnswer::Close),
        "connection",
    );
}

#[test]
fn short_chunk_is_short_body() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhello";
    assert_all_failed(&RawServer::always(answer, AfterAnswer::Close), "short_body");
}

#[test]
fn missing_last_chunk_is_short_body() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    assert_all_failed(&RawServer::always(answer, AfterAnswer::Close), "short_body");
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-a: b";
    assert_all_failed(&RawServer::always(answer, AfterAnswer::Close), "short_body");
}

#[test]
fn reset_within_body_is_short_body() {
    assert_all_failed(&then_resets(b""), "connection");
    assert_all_failed(&then_resets(b"HTTP/1.1 200 OK\r\ncont"), "connection");
    assert_all_failed(
        &then_resets(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        "connection",
    );
    assert_all_failed(
        &then_resets(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello"),
        "short_body",
    );
    assert_all_failed(
        &then_resets(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        "short_body",
    );
    // Only a graceful close ends such a body.
    assert_all_failed(&then_resets(b"HTTP/1.1 200 OK\r\n\r\nhello"), "short_body");
}

#[test]
fn does_not_resend_requests() {
    // After one answer the connection may end because of this request or for another reason. Sending a
    // write twice is worse than reporting it as lost.
    let server = RawServer::start(|number| match number % 2 {
        0 => (HELLO.to_vec(), AfterAnswer::KeepAlive),
        _ => (Vec::new(), AfterAnswer::Close),
    });
    let total = outcome_of(&one_user(), &server);
    assert_eq!(total.completed, ARRIVALS / 2);
    assert_eq!(
        total.failures,
        BTreeMap::from([("closed_idle".to_owned(), ARRIVALS / 2)])
    );
    assert_eq!(server.requests(), ARRIVALS);
}

#[test]
fn stopped_server_refuses_connections() {
    let server = RawServer::start(|number| match number {
        9 => (HELLO.to_vec(), AfterAnswer::Vanish),
        _ => (HELLO.to_vec(), AfterAnswer::Close),
    });
    let total = outcome_of(&one_user(), &server);
    assert_eq!(total.completed, 10, "{total:?}");
    // On a busy machine a request may be in flight when its connection closes.
    let in_flight = total.failures.get("closed_idle").copied().unwrap_or(0);
    assert!(in_flight <= ARRIVALS / 4, "{total:?}");
    assert_eq!(
        total.failures.get("connect"),
        Some(&(ARRIVALS - 10 - in_flight))
    );
    assert_eq!(
        total.not_written,
        ARRIVALS - 10 - in_flight,
        "requests without a connection are not written"
    );
    assert_eq!(server.requests(), 10);
}

/// Closes keep-alive connections at random: at once or slightly later, with FIN or RST, with and without
/// an answer. Answered requests are complete, others are lost. A request that the server never read is
/// lost, or was sent on a new connection; it counts once.
#[test]
fn random_closes_lose_only_their_requests() {
    for seed in 0..4 {
        let answered = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&answered);
        let server = RawServer::script(move |number| {
            // A scrambled Weyl sequence, to avoid resonance with the generator's period.
            let random = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (seed * 0xD1B5_4A32);
            let random = random ^ (random >> 29);
            let wait = Action::Wait(Duration::from_micros(random % 9_000));
            if random % 7 != 0 {
                count.fetch_add(1, Ordering::SeqCst);
            }
            match random % 7 {
                0 => (
                    vec![wait],
                    [AfterAnswer::Close, AfterAnswer::Reset][(random >> 32) as usize % 2],
                ),
                1 | 2 => (
                    vec![Action::Write(HELLO.to_vec()), wait],
                    AfterAnswer::Close,
                ),
                3 => (
                    vec![Action::Write(HELLO.to_vec()), wait],
                    AfterAnswer::Reset,
                ),
                _ => (vec![Action::Write(HELLO.to_vec())], AfterAnswer::KeepAlive),
            }
        });
        let scenario = one_user()
            .replace("users = 1", "users = 3")
            .replace("rate = \"200/s\"", "rate = \"1000/s\"");
        let total = support::run(&scenario, server.address, |_| ()).total();
        let (answered, read) = (answered.load(Ordering::SeqCst), server.requests());
        assert_eq!((total.planned, total.dropped), (200, 0), "{total:?}");
        assert_eq!(total.completed, answered, "{total:?}");
        let of = |class: &str| total.failures.get(class).copied().unwrap_or(0);
        assert_eq!(
            of("connection") + of("closed_idle"),
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

/// Closes each connection after its answer, unannounced, to users who send again at once.
#[test]
fn connection_closed_before_reuse_has_its_own_class() {
    let server = RawServer::always(HELLO, AfterAnswer::Close);
    let scenario = r#"
version = 1
name = "at once"
[load]
model = "closed"
users = 4
timeout = "2s"
[[phases]]
name = "steady"
kind = "users"
duration = "1s"
[[journeys]]
name = "visit"
pace = "10ms"
steps = [{ request = "get", repeat = 5 }]
[[requests]]
name = "get"
kind = "read"
path = "/"
"#;
    let total = support::run(scenario, server.address, |_| ()).total();
    assert_eq!(
        total.failures.keys().collect::<Vec<_>>(),
        ["closed_idle"],
        "{total:?}"
    );
}

/// A connection that is closed long after the request was sent was not idle.
#[test]
fn late_close_is_no_idle_close() {
    let server = RawServer::script(|number| match number % 2 {
        0 => (vec![Action::Write(HELLO.to_vec())], AfterAnswer::KeepAlive),
        _ => (
            vec![Action::Wait(Duration::from_millis(700))],
            AfterAnswer::Close,
        ),
    });
    let scenario = one_user().replace("rate = \"200/s\"", "rate = \"20/s\"");
    let total = support::run(&scenario, server.address, |_| ()).total();
    assert_eq!(
        total.failures,
        BTreeMap::from([("connection".to_owned(), total.failed)]),
        "{total:?}"
    );
    assert!(total.failed > 0, "{total:?}");
}
