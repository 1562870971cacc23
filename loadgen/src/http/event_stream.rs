//! Streams of Server-Sent Events (WHATWG HTML, section 9.2).

use std::fmt::Debug;
use std::task::Context;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::http::limits::EVENT_BYTES_MAX;
use crate::http::unreadable::Unreadable;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; `message` if it has none.
    pub(crate) name: String,
    /// Its data, lines joined with line feeds.
    pub(crate) data: String,
}

/// Receives the events of a stream as they arrive, and ends it.
pub(crate) trait EventSink: Debug + Send + Sync {
    /// Receives an event that arrived at `at_ns`. Returns true to end the stream.
    fn receive(&self, event: &Event, at_ns: u64) -> bool;

    /// Returns true once the time for the stream is over. Otherwise the task is woken then.
    fn poll_over(&self, context: &mut Context<'_>) -> bool;

    /// Notes that bytes arrived at `at_ns`: the service is alive, even if they complete no event.
    fn heard(&self, at_ns: u64);

    /// Notes that the service ended the stream.
    ///
    /// # Errors
    /// The reason why the stream is incomplete.
    fn ended(&self) -> Result<(), String>;
}

/// Returns whether an answer is a stream of events that can be read.
///
/// # Errors
/// The reason why it is not.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let Some(kind) = text(CONTENT_TYPE) else {
        return Err("the answer is no stream of events: it has no content-type".to_owned());
    };
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("text/event-stream") {
        return Err(format!(
            "the answer is no stream of events: its content-type is `{}`, not `text/event-stream`",
            essence.chars().take(80).collect::<String>()
        ));
    }
    match text(CONTENT_ENCODING) {
        Some(coding) if !coding.trim().is_empty() && !coding.eq_ignore_ascii_case("identity") => {
            Err(format!(
                "the stream of events is compressed with `{}`; leave `accept-encoding` out of the request",
                coding.chars().take(80).collect::<String>()
            ))
        }
        _ => Ok(()),
    }
}

/// Splits a body into events, in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    /// The line so far.
    line: Vec<u8>,
    /// True if the last byte was a carriage return, so that a line feed ends no further line.
    after_return: bool,
    /// True once a line has ended, after which a byte order mark is data.
    has_begun: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl EventReader {
    /// Reads the next bytes of the body; calls `take` for each event that they complete.
    ///
    /// # Errors
    /// If a line or an event is longer than 1 MiB.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Event),
    ) -> Result<(), Unreadable> {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_return) {
            match rest.first() {
                Some(b'\n') => rest = &rest[1..],
                Some(_) => {}
                None => self.after_return = true,
            }
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&rest[..end])?;
            let is_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_return {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
            if let Some(event) = self.end_line()? {
                take(event);
            }
        }
        self.extend(rest)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        if self.line.len() + bytes.len() > EVENT_BYTES_MAX {
            return Err(Unreadable::EventLength);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Interprets a line. Returns the event that it completes, if any.
    fn end_line(&mut self) -> Result<Option<Event>, Unreadable> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let mut text = text.as_ref();
        if !std::mem::replace(&mut self.has_begun, true) {
            text = text.strip_prefix('\u{feff}').unwrap_or(text);
        }
        let mut event = None;
        if text.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                let name = match name.is_empty() {
                    true => "message".to_owned(),
                    false => name,
                };
                event = Some(Event { name, data });
            }
        } else {
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.name),
                "data" => {
                    if self.data.len() + value.len() > EVENT_BYTES_MAX {
                        return Err(Unreadable::EventLength);
                    }
                    if std::mem::replace(&mut self.has_data, true) {
                        self.data.push('\n');
                    }
                    self.data.push_str(value);
                }
                // A comment, an identifier, a delay before reconnecting, or unknown.
                _ => {}
            }
        }
        // Keep the buffer for the next line.
        self.line = line;
        self.line.clear();
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for piece in pieces {
            let take = |event: Event| events.push((event.name, event.data));
            reader.read(piece, take).expect("the stream is short");
        }
        events
    }

    fn pair(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn reads_the_examples_of_the_standard() {
        // WHATWG HTML, section 9.2.6.
        assert_eq!(
            events(&[b"data: YHOO\ndata: +2\ndata: 10\n\n"]),
            [pair("message", "YHOO\n+2\n10")]
        );
        assert_eq!(
            events(&[b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"]),
            [
                pair("message", "first event"),
                pair("message", "second event"),
                pair("message", " third event"),
            ]
        );
        assert_eq!(
            events(&[b"data\n\ndata\ndata\n\ndata:"]),
            [pair("message", ""), pair("message", "\n")]
        );
        assert_eq!(
            events(&[b"data:test\n\ndata: test\n\n"]),
            [pair("message", "test"), pair("message", "test")]
        );
        assert_eq!(
            events(&[b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n"]),
            [pair("add", "73857293"), pair("remove", "2153")]
        );
    }

    #[test]
    fn events_without_data_are_not_dispatched() {
        assert_eq!(
            events(&[b"event: ping\n\ndata: x\n\n"]),
            [pair("message", "x")]
        );
    }

    #[test]
    fn ignores_byte_order_mark_at_start_only() {
        assert_eq!(
            events(&["\u{feff}data: x\n\n\u{feff}data: y\n\n".as_bytes()]),
            [pair("message", "x")]
        );
    }

    #[test]
    fn accepts_every_line_end() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("event: a{end}data: 1{end}data: 2{end}{end}data: 3{end}{end}");
            assert_eq!(
                events(&[text.as_bytes()]),
                [pair("a", "1\n2"), pair("message", "3")],
                "{end:?}"
            );
        }
    }

    #[test]
    fn rejects_endless_lines_and_events() {
        let mut reader = EventReader::default();
        let piece = vec![b'x'; EVENT_BYTES_MAX];
        assert_eq!(reader.read(&piece, |_| {}), Ok(()));
        assert_eq!(reader.read(b"x", |_| {}), Err(Unreadable::EventLength));
        let mut reader = EventReader::default();
        let line = [
            b"data: ",
            vec![b'x'; EVENT_BYTES_MAX / 2 + 1].as_slice(),
            b"\n",
        ]
        .concat();
        assert_eq!(reader.read(&line, |_| {}), Ok(()));
        assert_eq!(reader.read(&line, |_| {}), Err(Unreadable::EventLength));
    }

    #[test]
    fn names_what_is_no_stream() {
        let check = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                let name: http::HeaderName = name.parse().expect("the name is valid");
                (name, value.parse().expect("the value is valid"))
            });
            is_event_stream(&headers.collect())
        };
        assert_eq!(
            check(&[("content-type", "Text/Event-Stream; charset=utf-8")]),
            Ok(())
        );
        for (headers, expected) in [
            (&[][..], "no content-type"),
            (
                &[("content-type", "application/json")],
                "`application/json`",
            ),
            (
                &[
                    ("content-type", "text/event-stream"),
                    ("content-encoding", "gzip"),
                ],
                "compressed with `gzip`",
            ),
        ] {
            let reason = check(headers).expect_err("it is no stream");
            assert!(reason.contains(expected), "{reason}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a-c:é \\n\\r]{0,60}", cuts in prop::collection::vec(0_usize..120, 0..6)) {
            let text = text.replace('a', "data:").replace('b', "event:");
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut begin = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                pieces.push(&bytes[begin..cut]);
                begin = cut;
            }
            prop_assert_eq!(events(&pieces), events(&[bytes]));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = EventReader::default().read(&bytes, |_| {});
        }
    }
}
