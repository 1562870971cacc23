//! Where an answer ends: each way in which HTTP/1 says it, in packets of any size.

use super::{ARRIVALS, all_complete, all_complete_of, one_user};
use crate::support::raw::{Act, RawServer, Then};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
    3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n";

#[test]
fn an_answer_without_length_ends_with_its_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::Close), 5);
}

#[test]
fn an_answer_without_length_may_announce_nothing() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::Close), 5);
    let answer = b"HTTP/1.0 200 OK\r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::Close), 5);
}

#[test]
fn http_1_0_is_understood() {
    // Without `keep-alive` the connection is over, although the server leaves it open.
    let answer = b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), ARRIVALS);
}

#[test]
fn http_1_0_can_keep_a_connection_alive() {
    let answer = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_connection_that_the_server_gives_up_is_used_no_more() {
    let answer = b"HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), ARRIVALS);
}

#[test]
fn a_connection_is_used_for_one_request_after_the_other() {
    let server = RawServer::always(HELLO, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_large_body_is_read_to_its_end() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 1_000_000, b'x');
    let server = RawServer::always(&answer, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 1_000_000);
    assert_eq!(server.connections(), 1);
}

#[test]
fn chunks_and_trailers_are_read_to_the_end() {
    let server = RawServer::always(CHUNKED, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn chunks_may_have_extensions_and_sizes_of_either_case() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
        00A;a=b;c=\"d e\"\r\n0123456789\r\na ; x\r\n0123456789\r\n0;last\r\n\r\n";
    let server = RawServer::always(answer, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 20);
    assert_eq!(server.connections(), 1);
}

#[test]
fn chunks_go_before_a_length() {
    // RFC 9112, 6.3: what is chunked has no length, whatever it says.
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\n\r\n";
    all_complete(&RawServer::always(answer, Then::KeepAlive), 5);
}

#[test]
fn an_answer_in_packets_of_one_byte_is_whole() {
    for answer in [HELLO, CHUNKED] {
        let server =
            RawServer::script(move |_| (vec![Act::Dribble(answer.to_vec())], Then::KeepAlive));
        all_complete_of(&one_user(), &server, 5);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nlink: </b.css>\r\n\r\n\
        HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 102 Processing\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let server = RawServer::always(answer, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn answers_that_have_no_body_end_with_their_head() {
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
        let server = RawServer::always(answer.as_bytes(), Then::KeepAlive);
        all_complete_of(&scenario, &server, 0);
        assert_eq!(server.connections(), 1, "{method}: {answer}");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_taken_for_none() {
    let two = [HELLO, b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"].concat();
    let server = RawServer::always(&two, Then::KeepAlive);
    all_complete_of(&one_user(), &server, 5);
}

#[test]
fn line_ends_and_spaces_may_be_sloppy() {
    // RFC 9112, 2.2 and 5: a bare line feed ends a line, and values have space around them.
    let answer = b"HTTP/1.1 200\r\nX-Empty:\r\nContent-Length: \t 5 \r\n\r\nhello";
    all_complete(&RawServer::always(answer, Then::KeepAlive), 5);
    let answer = b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello";
    all_complete(&RawServer::always(answer, Then::KeepAlive), 5);
}
