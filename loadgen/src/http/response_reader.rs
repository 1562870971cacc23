//! Incremental parser for one HTTP/1.1 response (RFC 9112), without a socket or a clock.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::failure::Failure;
use crate::http::body_framing::{BodyFraming, Framed};
use crate::http::event_stream::{Event, EventReader, is_event_stream};
use crate::http::kept::{Keep, Kept, KeptBuilder};
use crate::http::limits::{EMPTY_LINES_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
use crate::http::list_element::list_elements;
use crate::http::unreadable::Unreadable;

/// Headers to reserve space for at first.
const HEADERS_TYPICAL: usize = 32;

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    /// Its status.
    pub(crate) status: u16,
    /// Length of its body, without framing.
    pub(crate) body_bytes: u64,
    /// The kept parts. `None` if nothing was to be kept.
    pub(crate) kept: Option<Kept>,
    /// True if the connection can be used again.
    pub(crate) reusable: bool,
}

/// The result of reading some bytes.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost every request an allocation"
)]
pub(crate) enum Progress {
    /// The response is incomplete.
    More,
    /// The response is complete.
    Complete(Response),
}

/// Reads one response. `Wanted` maps a status to the parts to keep.
pub(crate) struct ResponseReader<Wanted> {
    wanted: Wanted,
    is_head_request: bool,
    state: State,
    /// The head so far, if it arrived in more than one piece.
    head: Vec<u8>,
    /// Bytes of `head` that have been searched for its end.
    searched: usize,
    /// Bytes of empty lines skipped so far.
    empty_bytes: usize,
    status: u16,
    body_bytes: u64,
    /// Its headers; empty unless they are needed.
    headers: HeaderMap,
    kept: KeptBuilder,
    reusable: bool,
    heads: u64,
    events: Option<Box<Events>>,
    /// Why the answer can't be read.
    unreadable: Option<Unreadable>,
}

/// The events of a body.
#[derive(Debug, Default)]
struct Events {
    reader: EventReader,
    /// Those that have not been taken.
    read: Vec<Event>,
}

#[derive(Debug)]
enum State {
    Head,
    Body(BodyFraming),
    Complete,
}

impl<Wanted: Fn(u16) -> Keep> ResponseReader<Wanted> {
    /// Creates a reader for the response to a request with `method`.
    pub(crate) fn new(method: &Method, wanted: Wanted) -> Self {
        Self {
            wanted,
            is_head_request: *method == Method::HEAD,
            state: State::Head,
            head: Vec::new(),
            searched: 0,
            empty_bytes: 0,
            status: 0,
            body_bytes: 0,
            headers: HeaderMap::new(),
            kept: KeptBuilder::new(Keep::default()),
            reusable: true,
            heads: 0,
            events: None,
            unreadable: None,
        }
    }

    /// The number of heads begun, including interim responses (1xx). The last is the final response's.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Reads the next bytes of the connection, at least one.
    ///
    /// # Errors
    /// [`Failure::Malformed`] if they are not an HTTP response, [`Failure::GeneratorLimit`] if they exceed what
    /// is read, [`Failure::EventStream`] if they are to be a stream of events and are not.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Progress, Failure> {
        self.parse(bytes).map_err(|reason| self.refuse(reason))
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<Progress, Unreadable> {
        let mut rest = bytes;
        loop {
            match &mut self.state {
                State::Head => match self.read_head(rest)? {
                    Some(after) => rest = &rest[after..],
                    None => return Ok(Progress::More),
                },
                State::Body(framing) => {
                    let Framed {
                        taken,
                        data,
                        is_end,
                    } = framing.take(rest)?;
                    let data = &rest[data];
                    rest = &rest[taken..];
                    self.body_bytes += data.len() as u64;
                    self.kept.add(data);
                    if let Some(Events { reader, read }) = self.events.as_deref_mut() {
                        reader.read(data, |event| read.push(event))?;
                    }
                    if is_end {
                        self.state = State::Complete;
                    } else if rest.is_empty() {
                        return Ok(Progress::More);
                    }
                }
                State::Complete => {
                    // Extra bytes belong to no request.
                    self.reusable &= rest.is_empty();
                    return Ok(Progress::Complete(self.complete()));
                }
            }
        }
    }

    /// Notes that the connection has ended. Returns the response if that completes it.
    ///
    /// # Errors
    /// If the response is incomplete.
    pub(crate) fn end(&mut self) -> Result<Response, Failure> {
        self.reusable = false;
        match &self.state {
            State::Head => Err(Failure::Connection),
            State::Body(BodyFraming::UntilClose) | State::Complete => Ok(self.complete()),
            State::Body(_) => Err(Failure::ShortBody),
        }
    }

    /// Returns true if the answer is a stream of events, as far as its head has been read.
    pub(crate) fn is_event_stream(&self) -> bool {
        self.events.is_some()
    }

    /// Takes the events read since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        let events = self.events.as_mut();
        events.map_or_else(Vec::new, |events| std::mem::take(&mut events.read))
    }

    /// Why the answer can't be read, if that is the failure.
    pub(crate) fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.as_ref()
    }

    /// Notes why the answer can't be read. Returns the failure.
    pub(crate) fn refuse(&mut self, reason: Unreadable) -> Failure {
        self.unreadable.insert(reason).failure()
    }

    /// Ends a stream of events here. Returns the response so far.
    pub(crate) fn stop(&mut self) -> Response {
        self.reusable &= matches!(self.state, State::Complete);
        self.complete()
    }

    /// The failure to report if the connection breaks now.
    pub(crate) fn broken(&self) -> Failure {
        match self.state {
            State::Head => Failure::Connection,
            State::Body(_) | State::Complete => Failure::ShortBody,
        }
    }

    fn complete(&mut self) -> Response {
        let kept = std::mem::replace(&mut self.kept, KeptBuilder::new(Keep::default()));
        Response {
            status: self.status,
            body_bytes: self.body_bytes,
            kept: kept.build(std::mem::take(&mut self.headers)),
            reusable: self.reusable,
        }
    }

    /// Reads bytes of a head. Returns how many of them belong to it, or `None` if it is incomplete.
    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
        if self.head.is_empty() {
            let (empty, bytes) = self.skip_empty_lines(bytes)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.heads += 1;
            // Most heads arrive in one piece and are parsed without a copy.
            if let Some(length) = self.parse_head(bytes)? {
                return Ok(Some(empty + length));
            }
            self.head.extend_from_slice(bytes);
            self.check_length()?;
            return Ok(None);
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        // Search for the end before parsing, so that a head in many pieces is parsed only once.
        let from = self.searched.saturating_sub(3);
        self.searched = self.head.len();
        let ends = |window: &[u8]| window.ends_with(b"\n\n") || window.ends_with(b"\n\r\n");
        let is_whole = (from + 1..=self.head.len()).any(|end| ends(&self.head[..end]));
        if !is_whole {
            self.check_length()?;
            return Ok(None);
        }
        let head = std::mem::take(&mut self.head);
        self.searched = 0;
        let length = self.parse_head(&head)?;
        self.head = head;
        match length {
            Some(length) => {
                self.head.clear();
                // The head can't end before the bytes just added.
                Ok(Some(length.saturating_sub(before)))
            }
            None => {
                self.check_length()?;
                Ok(None)
            }
        }
    }

    /// Skips empty lines before a head, as RFC 9112, section 2.2, suggests for requests. Returns their bytes
    /// and the rest.
    fn skip_empty_lines<'a>(&mut self, bytes: &'a [u8]) -> Result<(usize, &'a [u8]), Unreadable> {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let empty = bytes.iter().take_while(|byte| is_end(byte)).count();
        self.empty_bytes += empty;
        match self.empty_bytes > EMPTY_LINES_BYTES_MAX {
            true => Err(Unreadable::EmptyLines),
            false => Ok((empty, &bytes[empty..])),
        }
    }

    fn check_length(&self) -> Result<(), Unreadable> {
        if self.head.len() > HEAD_BYTES_MAX {
            return Err(Unreadable::HeadLength);
        }
        Ok(())
    }

    /// Parses a head. Returns its length, or `None` if it is incomplete.
    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
        let mut few = [httparse::EMPTY_HEADER; HEADERS_TYPICAL];
        let mut response = httparse::Response::new(&mut few);
        let parser = parser();
        match parser.parse_response(&mut response, bytes) {
            Ok(httparse::Status::Partial) => Ok(None),
            Ok(httparse::Status::Complete(length)) => {
                self.apply_head(&response)?;
                Ok(Some(length))
            }
            Err(httparse::Error::TooManyHeaders) => {
                let mut many = vec![httparse::EMPTY_HEADER; HEADERS_MAX];
                let mut response = httparse::Response::new(&mut many);
                match parser.parse_response(&mut response, bytes) {
                    Ok(httparse::Status::Partial) => Ok(None),
                    Ok(httparse::Status::Complete(length)) => {
                        self.apply_head(&response)?;
                        Ok(Some(length))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Applies a parsed head: status, connection, and framing of the body.
    fn apply_head(&mut self, head: &httparse::Response<'_, '_>) -> Result<(), Unreadable> {
        let (Some(status), Some(minor)) = (head.code, head.version) else {
            return Err(Unreadable::Status);
        };
        // An unsolicited switch of protocols (101) ends the exchange, as a final response does.
        if (100..200).contains(&status) && status != 101 {
            return Ok(());
        }
        if !(100..=999).contains(&status) {
            return Err(Unreadable::Status);
        }
        self.status = status;
        let keep = (self.wanted)(status);
        let connection = Connection::of(head.headers);
        self.reusable = match minor {
            0 => connection.keep_alive && !connection.close,
            _ => !connection.close,
        };
        if keep.needs_headers() {
            self.headers = header_map(head.headers)?;
        }
        self.kept = KeptBuilder::new(keep);
        if keep.events {
            is_event_stream(&header_map(head.headers)?).map_err(Unreadable::EventStream)?;
            self.events = Some(Box::default());
        }
        let has_no_body = self.is_head_request || matches!(status, 101 | 204 | 304);
        self.state = if has_no_body {
            State::Complete
        } else {
            match BodyFraming::of(head.headers, minor)? {
                BodyFraming::Length(0) => State::Complete,
                framing => State::Body(framing),
            }
        };
        self.reusable &= status != 101;
        if matches!(self.state, State::Body(BodyFraming::UntilClose)) {
            self.reusable = false;
        }
        Ok(())
    }
}

/// The options of the `Connection` headers.
#[derive(Debug, Default)]
struct Connection {
    close: bool,
    keep_alive: bool,
}

impl Connection {
    fn of(headers: &[httparse::Header<'_>]) -> Self {
        let mut options = Self::default();
        for header in headers {
            if header.name.eq_ignore_ascii_case("connection") {
                for option in list_elements(header.value) {
                    options.close |= option.eq_ignore_ascii_case(b"close");
                    options.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        options
    }
}

/// The parser of heads. Besides what the grammar allows it accepts what RFC 9112 asks or permits of a client:
/// folded lines (section 5.2), blanks around the status (section 4), and blanks before a colon, which a proxy
/// would remove (section 5.1).
fn parser() -> httparse::ParserConfig {
    let mut parser = httparse::ParserConfig::default();
    parser
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_spaces_after_header_name_in_responses(true);
    parser
}

/// The value of a header as one line: each fold becomes a blank (RFC 9112, section 5.2).
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\n') {
        return value.into();
    }
    let lines: Vec<&[u8]> = value
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(&b' ').into()
}

fn header_map(headers: &[httparse::Header<'_>]) -> Result<HeaderMap, Unreadable> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(&unfolded(header.value));
        map.append(
            name.map_err(|_| Unreadable::HeaderName)?,
            value.map_err(|_| Unreadable::HeaderValue)?,
        );
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Keep = Keep {
        headers: true,
        body_limit: 1 << 20,
        sha256: true,
        decode: false,
        events: false,
        messages: None,
    };

    /// The status line of an answer.
    const OK: &str = "HTTP/1.1 200 OK\r\n";

    /// Feeds `bytes` in pieces of the given lengths, cyclically, then ends the connection.
    fn read(bytes: &[u8], pieces: &[usize]) -> Result<Response, Failure> {
        let mut reader = ResponseReader::new(&Method::GET, |_| ALL);
        let mut rest = bytes;
        let mut lengths = pieces.iter().cycle();
        while !rest.is_empty() {
            let length = lengths.next().copied().unwrap_or(1).clamp(1, rest.len());
            let (piece, after) = rest.split_at(length);
            if let Progress::Complete(response) = reader.read(piece)? {
                return Ok(response);
            }
            rest = after;
        }
        reader.end()
    }

    fn whole(bytes: &[u8]) -> Response {
        read(bytes, &[usize::MAX]).unwrap()
    }

    fn body(response: &Response) -> &str {
        std::str::from_utf8(&response.kept.as_ref().unwrap().body).unwrap()
    }

    #[test]
    fn content_length_ends_body() {
        let response = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello");
        assert_eq!((response.status, response.body_bytes), (200, 5));
        assert!(response.reusable);
        assert_eq!(response.kept.as_ref().unwrap().headers["x"], "y");
        assert_eq!(body(&response), "hello");
        // The SHA-256 of "hello", as `sha256sum` prints it.
        let sha256 = response.kept.unwrap().sha256.unwrap();
        assert_eq!(sha256[..4], [0x2c, 0xf2, 0x4d, 0xba]);
    }

    #[test]
    fn extra_bytes_prevent_reuse() {
        let response = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200");
        assert_eq!(body(&response), "hello");
        assert!(!response.reusable);
    }

    #[test]
    fn skips_interim_responses() {
        let response = whole(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
              HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok",
        );
        assert_eq!((response.status, body(&response)), (201, "ok"));
    }

    #[test]
    fn ignores_length_of_bodiless_responses() {
        for status in ["204 No Content", "304 Not Modified"] {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 10\r\n\r\n");
            let response = whole(head.as_bytes());
            assert!(response.reusable && response.body_bytes == 0, "{status}");
        }
        let mut reader = ResponseReader::new(&Method::HEAD, |_| Keep::default());
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
        assert!(matches!(reader.read(head), Ok(Progress::Complete(_))));
    }

    #[test]
    fn protocol_switch_ends_exchange_and_connection() {
        let response = whole(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nwhatever");
        assert_eq!(response.status, 101);
        assert!(!response.reusable);
    }

    #[test]
    fn reads_unusual_heads() {
        for head in [
            "HTTP/1.1 200 OK\r\nX-A: b,\r\n c\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-A:\r\n\tb, \r\n  \r\n\t c \r\nContent-Length:\r\n 2\r\n\r\n",
            "HTTP/1.1 200 OK\nX-A: b,\n c\nContent-Length: 2\n\n",
            "HTTP/1.1 200\r\nX-A:b, c\r\nContent-Length: 2,\r\n\r\n",
            "\r\n\n\r\nHTTP/1.1 200 OK\r\nX-A: b, c\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1  200  OK\r\nX-A : b, c\r\nContent-Length \t: 2\r\n\r\n",
        ] {
            let bytes = format!("{head}ok");
            for pieces in [&[usize::MAX][..], &[1], &[3, 1]] {
                let response = read(bytes.as_bytes(), pieces).unwrap();
                assert_eq!(body(&response), "ok", "{head:?}");
                assert_eq!(response.kept.unwrap().headers["x-a"], "b, c", "{head:?}");
                assert!(response.reusable, "{head:?}");
            }
        }
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\nConnection: ,\r\n close ,\r\n\r\n\
            2\r\nok\r\n0\r\n\r\n";
        let response = whole(chunked);
        assert_eq!(body(&response), "ok");
        assert!(!response.reusable);
    }

    #[test]
    fn rejects_endless_empty_lines() {
        let bytes = b"\r\n".repeat(EMPTY_LINES_BYTES_MAX);
        assert_eq!(read(&bytes, &[7]).unwrap_err(), Failure::Malformed);
    }

    #[test]
    fn reuse_follows_version_and_connection_header() {
        for (head, kept) in [
            ("HTTP/1.1 200 OK\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n", false),
            ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n", false),
            ("HTTP/1.0 200 OK\r\n", false),
            ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", true),
        ] {
            let bytes = format!("{head}content-length: 1\r\n\r\nx");
            assert_eq!(whole(bytes.as_bytes()).reusable, kept, "{head}");
        }
    }

    #[test]
    fn connection_end_ends_body_without_length() {
        let response = whole(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
        assert_eq!(body(&response), "until the end");
        assert!(!response.reusable);
    }

    #[test]
    fn distinguishes_short_body_from_missing_head() {
        let cut = |bytes: &[u8]| read(bytes, &[usize::MAX]).unwrap_err();
        assert_eq!(cut(b""), Failure::Connection);
        assert_eq!(cut(b"HTTP/1.1 200 O"), Failure::Connection);
        assert_eq!(
            cut(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"),
            Failure::ShortBody
        );
        assert_eq!(
            cut(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            Failure::ShortBody
        );
    }

    #[test]
    fn rejects_malformed_responses_with_reason() {
        let chunked = "transfer-encoding: chunked\r\n\r\n";
        for (text, reason) in [
            ("SSH-2.0-OpenSSH\r\n".to_owned(), Unreadable::Version),
            ("HTTP/2.0 200 OK\r\n\r\n".to_owned(), Unreadable::Version),
            ("HTTP/1.1 099 Low\r\n\r\n".to_owned(), Unreadable::Status),
            ("HTTP/1.1 99 Low\r\n\r\n".to_owned(), Unreadable::Status),
            (OK.to_owned() + "a name: x\r\n\r\n", Unreadable::HeaderName),
            (OK.to_owned() + "no colon\r\n\r\n", Unreadable::HeaderName),
            (OK.to_owned() + "a: \0\r\n\r\n", Unreadable::HeaderValue),
            (OK.to_owned() + "a: b\rc\r\n\r\n", Unreadable::HeaderValue),
            (OK.to_owned() + "\rx", Unreadable::LineEnd),
            (
                OK.to_owned() + "content-length: five\r\n\r\n",
                Unreadable::ContentLength,
            ),
            (
                OK.to_owned() + "content-length: -5\r\n\r\n",
                Unreadable::ContentLength,
            ),
            (
                OK.to_owned() + "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
                Unreadable::ContentLengthTwice,
            ),
            (
                format!("HTTP/1.0 200 OK\r\n{chunked}0\r\n\r\n"),
                Unreadable::TransferEncoding,
            ),
            (format!("{OK}{chunked}xyz\r\n"), Unreadable::ChunkSize),
        ] {
            let mut reader = ResponseReader::new(&Method::GET, |_| ALL);
            let failure = reader.read(text.as_bytes()).unwrap_err();
            assert_eq!(failure, Failure::Malformed, "{text:?}");
            assert_eq!(reader.unreadable(), Some(&reason), "{text:?}");
        }
    }

    #[test]
    fn reads_many_headers_rejects_too_many() {
        let head = |count: usize| {
            let headers: String = (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect();
            format!("HTTP/1.1 204 No Content\r\n{headers}\r\n")
        };
        assert_eq!(whole(head(200).as_bytes()).status, 204);
        let refused = read(head(5_000).as_bytes(), &[4_096]).unwrap_err();
        assert_eq!(refused, Failure::GeneratorLimit);
    }

    #[test]
    fn rejects_endless_head() {
        let mut bytes = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        bytes.resize(HEAD_BYTES_MAX + 100, b'a');
        assert_eq!(read(&bytes, &[1_000]).unwrap_err(), Failure::GeneratorLimit);
    }

    #[test]
    fn status_selects_kept_parts() {
        let wanted = |status| Keep {
            body_limit: if status == 500 { 3 } else { 0 },
            ..Keep::default()
        };
        for (status, kept) in [(200, None), (500, Some(b"hel".to_vec()))] {
            let mut reader = ResponseReader::new(&Method::GET, wanted);
            let bytes = format!("HTTP/1.1 {status} X\r\ncontent-length: 5\r\n\r\nhello");
            let Ok(Progress::Complete(response)) = reader.read(bytes.as_bytes()) else {
                panic!("it is complete");
            };
            assert_eq!(response.kept.map(|kept| kept.body), kept);
        }
    }

    /// Self-delimiting responses, with their bodies.
    fn framed() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let body = proptest::collection::vec(any::<u8>(), 0..300);
        let chunks = proptest::collection::vec(1_usize..60, 1..20);
        (body, chunks, any::<bool>(), any::<bool>()).prop_map(|(body, chunks, chunked, interim)| {
            let mut bytes = Vec::new();
            if interim {
                bytes.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
            }
            bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nserver: it\r\n");
            if chunked {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                let mut rest = body.as_slice();
                let mut lengths = chunks.iter().cycle();
                while let Some(length) = lengths.next().filter(|_| !rest.is_empty()) {
                    let (chunk, after) = rest.split_at((*length).min(rest.len()));
                    bytes.extend_from_slice(format!("{:X};note=1\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                    rest = after;
                }
                bytes.extend_from_slice(b"0\r\nx-trailer: 1\r\n\r\n");
            } else {
                bytes.extend_from_slice(
                    format!("content-length: {}\r\n\r\n", body.len()).as_bytes(),
                );
                bytes.extend_from_slice(&body);
            }
            (bytes, body)
        })
    }

    /// A line of a header, as it may be written, with its value on one line.
    fn header_line() -> impl Strategy<Value = (String, String)> {
        let word = "[!-~]([ -~]{0,8}[!-~])?";
        let words = proptest::collection::vec(word, 1..4);
        let blank = "[ \t]{0,2}";
        let fold = prop_oneof!["\r\n[ \t]{1,2}", "\n[ \t]{1,2}", "[ \t]\r\n[ \t]"];
        (words, blank, fold, blank).prop_map(|(words, before, fold, after)| {
            let line = format!("{before}{}{after}", words.join(&fold));
            (line, words.join(" "))
        })
    }

    proptest! {
        #[test]
        fn reads_folded_heads(
            lines in proptest::collection::vec(header_line(), 0..8),
            empty in "(\r\n|\n){0,2}",
            end in prop_oneof![Just("\r\n"), Just("\n")],
            pieces in proptest::collection::vec(1_usize..50, 1..30),
        ) {
            let mut text = format!("{empty}HTTP/1.1 200 OK{end}");
            for (index, (line, _)) in lines.iter().enumerate() {
                text.push_str(&format!("x-{index}:{line}{end}"));
            }
            text.push_str(&format!("content-length: 2{end}{end}ok"));
            let response = read(text.as_bytes(), &pieces).unwrap();
            prop_assert!(response.reusable);
            let kept = response.kept.unwrap();
            prop_assert_eq!(kept.body, b"ok");
            for (index, (_, value)) in lines.iter().enumerate() {
                prop_assert_eq!(&kept.headers[format!("x-{index}")], value);
            }
        }

        #[test]
        fn result_is_independent_of_pieces(
            (bytes, body) in framed(),
            pieces in proptest::collection::vec(1_usize..50, 1..30),
        ) {
            let response = read(&bytes, &pieces).unwrap();
            prop_assert_eq!(response.status, 200);
            prop_assert_eq!(response.body_bytes, body.len() as u64);
            prop_assert!(response.reusable);
            prop_assert_eq!(response.kept.unwrap().body, body);
        }

        #[test]
        fn never_panics_on_any_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            pieces in proptest::collection::vec(1_usize..50, 1..10),
        ) {
            let _ = read(&bytes, &pieces);
        }

        #[test]
        fn never_panics_on_damaged_response(
            (mut bytes, _) in framed(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
            pieces in proptest::collection::vec(1_usize..50, 1..10),
        ) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = read(&bytes, &pieces);
        }

        #[test]
        fn truncated_response_never_completes((bytes, _) in framed(), cut in any::<proptest::sample::Index>()) {
            let length = cut.index(bytes.len());
            let cut = read(&bytes[..length], &[usize::MAX]).unwrap_err();
            prop_assert!(matches!(cut, Failure::Connection | Failure::ShortBody));
        }
    }
}
