//! Bodies of gRPC: messages, each behind a prefix of five bytes
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::http::limits::MESSAGE_BYTES_MAX;
use crate::http::unreadable::Unreadable;

/// Length of a prefix: a flag of one byte, set if the message is compressed, and four bytes of its length.
const PREFIX_BYTES: usize = 5;

/// Most bytes of the messages before the last that are kept for a trial.
const EARLIER_BYTES_MAX: usize = 1024 * 1024;

/// The header and trailer with the status of a call.
pub(crate) const GRPC_STATUS: &str = "grpc-status";

/// The messages of a body to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "grpc")),
    expect(dead_code, reason = "nothing makes a call")
)]
pub(crate) enum KeepMessages {
    /// None: they are counted.
    Count,
    /// The last one.
    Last,
    /// The last one, and those before it up to a limit.
    All,
}

/// A message of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrpcMessage {
    /// True if the payload is compressed.
    pub(crate) is_compressed: bool,
    /// Its bytes.
    pub(crate) payload: Vec<u8>,
}

/// Parts of a gRPC answer besides its headers.
#[derive(Debug, Clone, Default)]
#[cfg_attr(
    not(feature = "grpc"),
    expect(dead_code, reason = "nothing makes a call")
)]
pub(crate) struct GrpcParts {
    /// Number of its messages.
    pub(crate) count: u64,
    /// Those that were kept, in order; the last one is the last of the body.
    pub(crate) messages: Vec<GrpcMessage>,
    /// Its trailers. `None` if we ended the answer.
    pub(crate) trailers: Option<HeaderMap>,
}

/// Splits a body into messages, in pieces of any size.
#[derive(Debug)]
pub(crate) struct MessageReader {
    keep: KeepMessages,
    prefix: [u8; PREFIX_BYTES],
    /// Bytes of the prefix that were read.
    prefix_read: usize,
    /// Bytes of the message that are missing.
    missing: usize,
    payload: Vec<u8>,
    count: u64,
    last: Option<GrpcMessage>,
    earlier: Vec<GrpcMessage>,
    earlier_bytes: usize,
}

/// Checks that an answer is gRPC. An answer that fails at once may have nothing but a status.
///
/// # Errors
/// The reason why it is not.
pub(crate) fn is_grpc(headers: &HeaderMap) -> Result<(), Unreadable> {
    if headers.contains_key(GRPC_STATUS) {
        return Ok(());
    }
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        let reason = "the answer is not gRPC: it has no content-type";
        return Err(Unreadable::Grpc(reason.to_owned()));
    };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    match kind.strip_prefix("application/grpc") {
        Some(rest) if rest.is_empty() || rest.starts_with(['+', ';', ' ']) => Ok(()),
        _ => Err(Unreadable::Grpc(format!(
            "the answer is not gRPC: its content-type is `{}`, not `application/grpc`",
            kind.chars().take(80).collect::<String>()
        ))),
    }
}

/// A message with its prefix.
#[cfg(feature = "grpc")]
pub(crate) fn framed(message: &GrpcMessage) -> Vec<u8> {
    let payload = &message.payload;
    let mut framed = Vec::with_capacity(PREFIX_BYTES + payload.len());
    framed.push(u8::from(message.is_compressed));
    // No scenario makes a message of 4 GiB.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(payload);
    framed
}

impl MessageReader {
    pub(crate) fn new(keep: KeepMessages) -> Self {
        Self {
            keep,
            prefix: [0; PREFIX_BYTES],
            prefix_read: 0,
            missing: 0,
            payload: Vec::new(),
            count: 0,
            last: None,
            earlier: Vec::new(),
            earlier_bytes: 0,
        }
    }

    /// Reads the next bytes of the body; calls `completed` for each message that they complete.
    ///
    /// # Errors
    /// If a prefix is not valid, or a message that is to be kept is longer than 16 MiB.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        mut completed: impl FnMut(),
    ) -> Result<(), Unreadable> {
        let mut rest = bytes;
        loop {
            if self.prefix_read < PREFIX_BYTES {
                let count = rest.len().min(PREFIX_BYTES - self.prefix_read);
                let end = self.prefix_read + count;
                self.prefix[self.prefix_read..end].copy_from_slice(&rest[..count]);
                self.prefix_read = end;
                rest = &rest[count..];
                if end < PREFIX_BYTES {
                    return Ok(());
                }
                self.begin()?;
            }
            let count = rest.len().min(self.missing);
            if self.keep != KeepMessages::Count {
                self.payload.extend_from_slice(&rest[..count]);
            }
            self.missing -= count;
            rest = &rest[count..];
            if self.missing > 0 {
                return Ok(());
            }
            self.complete();
            completed();
        }
    }

    /// Interprets a prefix.
    fn begin(&mut self) -> Result<(), Unreadable> {
        let [flag, length @ ..] = self.prefix;
        if flag > 1 {
            return Err(Unreadable::Grpc(format!(
                "a message of the answer begins with the flag {flag}, which must be 0, or 1 if the message is compressed"
            )));
        }
        self.missing = u32::from_be_bytes(length) as usize;
        if self.keep != KeepMessages::Count && self.missing > MESSAGE_BYTES_MAX {
            return Err(Unreadable::MessageLength);
        }
        Ok(())
    }

    fn complete(&mut self) {
        self.prefix_read = 0;
        self.count += 1;
        if self.keep == KeepMessages::Count {
            return;
        }
        let message = GrpcMessage {
            is_compressed: self.prefix[0] == 1,
            payload: std::mem::take(&mut self.payload),
        };
        let Some(before) = self.last.replace(message) else {
            return;
        };
        let bytes = self.earlier_bytes + before.payload.len() + PREFIX_BYTES;
        if self.keep == KeepMessages::All && bytes <= EARLIER_BYTES_MAX {
            self.earlier_bytes = bytes;
            self.earlier.push(before);
        }
    }

    /// Checks that the body ends behind a message.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) fn ended(&self) -> Result<(), Unreadable> {
        match self.prefix_read {
            0 => Ok(()),
            _ => Err(Unreadable::Grpc(
                "the answer ends within a message".to_owned(),
            )),
        }
    }

    /// The parts that were read. `trailers` is `None` if we ended the answer.
    pub(crate) fn parts(self, trailers: Option<HeaderMap>) -> GrpcParts {
        let mut messages = self.earlier;
        messages.extend(self.last);
        GrpcParts {
            count: self.count,
            messages,
            trailers,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(messages: &[Vec<u8>]) -> Vec<u8> {
        let mut body = Vec::new();
        for (number, message) in messages.iter().enumerate() {
            body.push((number % 2) as u8);
            body.extend((message.len() as u32).to_be_bytes());
            body.extend(message);
        }
        body
    }

    fn parts(keep: KeepMessages, body: &[u8]) -> GrpcParts {
        let mut reader = MessageReader::new(keep);
        reader.read(body, || ()).unwrap();
        reader.ended().unwrap();
        reader.parts(None)
    }

    #[test]
    fn keeps_what_is_asked_for() {
        let body = body(&[b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        assert_eq!(parts(KeepMessages::Count, &body).messages, []);
        let last = parts(KeepMessages::Last, &body);
        assert_eq!((last.count, last.messages.len()), (3, 1));
        assert_eq!(last.messages[0].payload, b"three");
        let all = parts(KeepMessages::All, &body).messages;
        let payloads: Vec<&[u8]> = all.iter().map(|own| own.payload.as_slice()).collect();
        assert_eq!(payloads, [&b"one"[..], b"", b"three"]);
        let compressed: Vec<bool> = all.iter().map(|own| own.is_compressed).collect();
        assert_eq!(compressed, [false, true, false]);
    }

    #[test]
    fn bounds_what_is_kept() {
        let long = [0, 0xff, 0xff, 0xff, 0xff];
        let read = |keep| MessageReader::new(keep).read(&long, || ());
        assert_eq!(read(KeepMessages::Count), Ok(()));
        assert_eq!(read(KeepMessages::Last), Err(Unreadable::MessageLength));
        let messages = vec![vec![7; EARLIER_BYTES_MAX / 2]; 5];
        let all = parts(KeepMessages::All, &body(&messages));
        assert_eq!((all.count, all.messages.len()), (5, 2));
    }

    #[test]
    fn names_what_is_not_grpc() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pairs = pairs.iter().map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            });
            pairs.collect()
        };
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; charset=utf-8",
        ] {
            assert_eq!(is_grpc(&headers(&[("content-type", kind)])), Ok(()));
        }
        assert_eq!(is_grpc(&headers(&[("grpc-status", "12")])), Ok(()));
        for (pairs, expected) in [
            (&[][..], "no content-type"),
            (&[("content-type", "text/html")], "`text/html`"),
            (&[("content-type", "application/grpc-web")], "grpc-web"),
        ] {
            let error = is_grpc(&headers(pairs)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn incomplete_messages_and_unknown_flags_are_errors() {
        let mut reader = MessageReader::new(KeepMessages::Last);
        reader.read(&[0, 0, 0, 0, 2, 7], || ()).unwrap();
        assert!(reader.ended().is_err());
        let mut reader = MessageReader::new(KeepMessages::Count);
        let error = reader.read(&[60, 104, 116, 109, 108], || ()).unwrap_err();
        assert!(
            error.to_string().contains("begins with the flag 60"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            piece in 1_usize..30,
        ) {
            let body = body(&messages);
            let mut reader = MessageReader::new(KeepMessages::All);
            let mut count = 0;
            for bytes in body.chunks(piece) {
                reader.read(bytes, || count += 1).unwrap();
            }
            prop_assert_eq!(count, messages.len());
            prop_assert_eq!(reader.ended(), Ok(()));
            let read = reader.parts(None).messages.into_iter().map(|own| own.payload);
            prop_assert_eq!(read.collect::<Vec<_>>(), messages);
        }

        #[test]
        fn any_bytes_are_messages_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = MessageReader::new(KeepMessages::Count);
            let mut count = 0;
            let _ = reader.read(&bytes, || count += 1);
            prop_assert!(count <= bytes.len() / PREFIX_BYTES);
        }
    }
}
