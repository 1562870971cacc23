//! The end of an answer: every framing of HTTP/1, in packets of any size.

use super::{ARRIVALS, assert_all_complete, assert_all_complete_of, one_user};
use crate::support::raw::{Action, AfterAnswer, RawServer};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
    3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n";

#[test]
fn connection_close_ends_answer_without_length() {
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::Close), 5);
}

#[test]
fn answer_without_length_needs_no_close_header() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\nhello";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::Close), 5);
    let answer = b"HTTP/1.0 200 OK\r\n\r\nhello";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::Close), 5);
}

#[test]
fn http_1_0_closes_by_default() {
    // Without `keep-alive` the connection is not reused, although the server leaves it open.
    let answer = b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), ARRIVALS);
}

#[test]
fn http_1_0_keep_alive_reuses_connection() {
    let answer = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn connection_close_prevents_reuse() {
    let answer = b"HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), ARRIVALS);
}

#[test]
fn reuses_connection() {
    let server = RawServer::always(HELLO, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn reads_large_body() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 1_000_000, b'x');
    let server = RawServer::always(&answer, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 1_000_000);
    assert_eq!(server.connections(), 1);
}

#[test]
fn reads_chunks_and_trailers() {
    let server = RawServer::always(CHUNKED, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn accepts_chunk_extensions_and_any_case() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
        00A;a=b;c=\"d e\"\r\n0123456789\r\na ; x\r\n0123456789\r\n0;last\r\n\r\n";
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 20);
    assert_eq!(server.connections(), 1);
}

#[test]
fn chunked_overrides_content_length() {
    // RFC 9112, section 6.3: transfer-encoding overrides content-length.
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\n\r\n";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::KeepAlive), 5);
}

#[test]
fn reads_answer_in_one_byte_packets() {
    for answer in [HELLO, CHUNKED] {
        let server = RawServer::script(move |_| {
            (
                vec![Action::Dribble(answer.to_vec())],
                AfterAnswer::KeepAlive,
            )
        });
        assert_all_complete_of(&one_user(), &server, 5);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn skips_interim_answers() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nlink: </b.css>\r\n\r\n\
        HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 102 Processing\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn bodiless_answers_end_with_head() {
    for (answer, method, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", "GET", 204),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n",
            "GET",
            304,
        ),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "GET", 304),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n",
            "HEAD",
            200,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HEAD",
            200,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "HEAD", 200),
    ] {
        let scenario = format!("{}method = \"{method}\"\nexpect = [{status}]\n", one_user());
        let server = RawServer::always(answer.as_bytes(), AfterAnswer::KeepAlive);
        assert_all_complete_of(&scenario, &server, 0);
        assert_eq!(server.connections(), 1, "{method}: {answer}");
    }
}

#[test]
fn ignores_unsolicited_answer() {
    let two = [HELLO, b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"].concat();
    let server = RawServer::always(&two, AfterAnswer::KeepAlive);
    assert_all_complete_of(&one_user(), &server, 5);
}

#[test]
fn accepts_lenient_line_ends_and_spaces() {
    // RFC 9112, sections 2.2 and 5: a bare line feed ends a line, and values may have space around them.
    let answer = b"HTTP/1.1 200\r\nX-Empty:\r\nContent-Length: \t 5 \r\n\r\nhello";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::KeepAlive), 5);
    let answer = b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello";
    assert_all_complete(&RawServer::always(answer, AfterAnswer::KeepAlive), 5);
}
