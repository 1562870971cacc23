//! Framing of a body, which determines its end (RFC 9112, section 6.3).

use std::ops::Range;

use crate::http::limits::LINE_BYTES_MAX;
use crate::http::list_element::list_elements;
use crate::http::unreadable::Unreadable;

/// The framing of a body, and how much of it is left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// The number of bytes left.
    Length(u64),
    /// Chunked transfer coding.
    Chunked(Chunked),
    /// The body ends with the connection.
    UntilClose,
}

/// The part of some bytes that belongs to a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Framed {
    /// The number of bytes consumed; the rest may contain more of the body.
    pub(crate) taken: usize,
    /// Which of them are body data.
    pub(crate) data: Range<usize>,
    /// True if the body ends after them.
    pub(crate) is_end: bool,
}

impl BodyFraming {
    /// The framing that the headers of an HTTP/1.`minor` response specify.
    ///
    /// # Errors
    /// If they are invalid or contradict each other.
    pub(crate) fn of(headers: &[httparse::Header<'_>], minor: u8) -> Result<Self, Unreadable> {
        let mut length = None;
        let mut last_coding: Option<&[u8]> = None;
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let mut lengths = list_elements(header.value).peekable();
                if lengths.peek().is_none() {
                    return Err(Unreadable::ContentLength);
                }
                for length_text in lengths {
                    let given = content_length(length_text)?;
                    // Repeated lengths must agree.
                    if length.is_some_and(|before| before != given) {
                        return Err(Unreadable::ContentLengthTwice);
                    }
                    length = Some(given);
                }
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                // All lines are one list, and a line may be empty.
                last_coding = list_elements(header.value).last().or(last_coding);
            }
        }
        match (last_coding, length) {
            // HTTP/1.0 has no transfer codings, so the end of such a body is unknown.
            (Some(_), _) if minor == 0 => Err(Unreadable::TransferEncoding),
            (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Self::Chunked(Chunked::default()))
            }
            (Some(_), _) | (None, None) => Ok(Self::UntilClose),
            (None, Some(length)) => Ok(Self::Length(length)),
        }
    }

    /// Finds the part of `bytes` that belongs to the body.
    ///
    /// # Errors
    /// If chunks are invalid or lines don't end.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Framed, Unreadable> {
        match self {
            Self::Length(left) => {
                let taken =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                Ok(Framed {
                    taken,
                    data: 0..taken,
                    is_end: *left == 0,
                })
            }
            Self::Chunked(chunked) => chunked.take(bytes),
            Self::UntilClose => Ok(Framed {
                taken: bytes.len(),
                data: 0..bytes.len(),
                is_end: false,
            }),
        }
    }
}

fn content_length(digits: &[u8]) -> Result<u64, Unreadable> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Unreadable::ContentLength);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(Unreadable::ContentLength)
}

/// State of a chunked body (RFC 9112, section 7.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunked {
    part: Part,
    /// Bytes of lines since the last chunk's data.
    line_bytes: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// The digits of a chunk's size: their value, and whether there is one.
    Size(u64, bool),
    /// An extension, until the end of its line.
    Extension(u64),
    /// The line feed after a chunk's size.
    SizeEnd(u64),
    /// The number of bytes left of a chunk.
    Data(u64),
    /// The carriage return after a chunk's data.
    DataReturn,
    /// The line feed after it.
    DataEnd,
    /// The first byte of a trailer's line.
    TrailerStart,
    /// The rest of a trailer's line.
    Trailer,
    /// The line feed of a trailer's line.
    TrailerEnd,
    /// The final line feed.
    LastEnd,
}

impl Default for Part {
    fn default() -> Self {
        Self::Size(0, false)
    }
}

impl Chunked {
    /// Finds the next range of data, or the end.
    fn take(&mut self, bytes: &[u8]) -> Result<Framed, Unreadable> {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            if let Part::Data(left) = &mut self.part {
                let rest = bytes.len() - taken;
                let length = usize::try_from(*left).map_or(rest, |left| left.min(rest));
                *left -= length as u64;
                if *left == 0 {
                    self.part = Part::DataReturn;
                }
                self.line_bytes = 0;
                return Ok(Framed {
                    taken: taken + length,
                    data: taken..taken + length,
                    is_end: false,
                });
            }
            taken += 1;
            self.line_bytes += 1;
            if self.line_bytes > LINE_BYTES_MAX {
                return Err(Unreadable::LineLength);
            }
            if self.step(*byte)? {
                return Ok(Framed {
                    taken,
                    data: 0..0,
                    is_end: true,
                });
            }
        }
        Ok(Framed {
            taken,
            data: 0..0,
            is_end: false,
        })
    }

    /// Consumes a byte that is not data. Returns whether the body ends with it.
    fn step(&mut self, byte: u8) -> Result<bool, Unreadable> {
        self.part = match (&self.part, byte) {
            // Leading zeros don't count towards the size that can be represented.
            (Part::Size(size, _), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if *size >> 60 == 0 => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Part::Size(*size << 4 | u64::from(digit), true)
            }
            (Part::Size(size, true), b'\r') => Part::SizeEnd(*size),
            (Part::Size(size, true), b';' | b' ' | b'\t') => Part::Extension(*size),
            (Part::Extension(size), b'\r') => Part::SizeEnd(*size),
            // A bare line feed is rejected: parsers disagree on it (request smuggling).
            (Part::Extension(size), 1..=9 | 11..=255) => Part::Extension(*size),
            (Part::SizeEnd(0), b'\n') => Part::TrailerStart,
            (Part::SizeEnd(size), b'\n') => Part::Data(*size),
            (Part::DataReturn, b'\r') => Part::DataEnd,
            (Part::DataEnd, b'\n') => Part::default(),
            (Part::TrailerStart, b'\r') => Part::LastEnd,
            (Part::Trailer, b'\r') => Part::TrailerEnd,
            (Part::TrailerStart | Part::Trailer, 1..=9 | 11..=255) => Part::Trailer,
            (Part::TrailerEnd, b'\n') => Part::TrailerStart,
            (Part::LastEnd, b'\n') => return Ok(true),
            (Part::DataReturn | Part::DataEnd, _) => return Err(Unreadable::ChunkEnd),
            (Part::TrailerStart | Part::Trailer | Part::TrailerEnd | Part::LastEnd, _) => {
                return Err(Unreadable::Trailer);
            }
            _ => return Err(Unreadable::ChunkSize),
        };
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(headers: &[(&str, &str)], minor: u8) -> Result<BodyFraming, Unreadable> {
        let headers: Vec<httparse::Header<'_>> = headers
            .iter()
            .map(|(name, value)| httparse::Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        BodyFraming::of(&headers, minor)
    }

    #[test]
    fn chunked_overrides_content_length() {
        let both = [
            ("content-length", "5"),
            ("Transfer-Encoding", "gzip, chunked"),
        ];
        assert!(matches!(framing(&both, 1), Ok(BodyFraming::Chunked(_))));
        let other = [("transfer-encoding", "chunked, gzip")];
        assert_eq!(framing(&other, 1), Ok(BodyFraming::UntilClose));
    }

    #[test]
    fn codings_are_one_list_with_empty_elements() {
        for lines in [
            &["chunked,"][..],
            &[", chunked"],
            &["gzip", "chunked"],
            &["chunked", ""],
            &["gzip,\r\n chunked , ,"],
            &["x;a=\"b,c\", Chunked"],
        ] {
            let headers: Vec<_> = lines
                .iter()
                .map(|line| ("transfer-encoding", *line))
                .collect();
            let framing = framing(&headers, 1);
            assert!(matches!(framing, Ok(BodyFraming::Chunked(_))), "{lines:?}");
        }
        let other = [("transfer-encoding", "x;a=\"b, chunked\"")];
        assert_eq!(framing(&other, 1), Ok(BodyFraming::UntilClose));
        // A list without an element is no coding.
        let none = [("transfer-encoding", ","), ("content-length", "5")];
        assert_eq!(framing(&none, 1), Ok(BodyFraming::Length(5)));
    }

    #[test]
    fn rejects_contradicting_lengths() {
        let same = [("content-length", "5"), ("content-length", "5, 5")];
        assert_eq!(framing(&same, 1), Ok(BodyFraming::Length(5)));
        let padded = [("content-length", "005,"), ("content-length", "\r\n 5")];
        assert_eq!(framing(&padded, 1), Ok(BodyFraming::Length(5)));
        let twice = Err(Unreadable::ContentLengthTwice);
        assert_eq!(framing(&[("content-length", "5, 6")], 1), twice);
        for wrong in ["", ",", "+5", "5 5", "99999999999999999999"] {
            let wrong = [("content-length", wrong)];
            assert_eq!(
                framing(&wrong, 1),
                Err(Unreadable::ContentLength),
                "{wrong:?}"
            );
        }
    }

    /// The body and the number of bytes after it. `None` if it is incomplete.
    fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Unreadable> {
        let mut chunked = Chunked::default();
        let (mut body, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let framed = chunked.take(&bytes[at..])?;
            body.extend_from_slice(&bytes[at..][framed.data]);
            at += framed.taken;
            if framed.is_end {
                return Ok(Some((body, bytes.len() - at)));
            }
        }
        Ok(None)
    }

    #[test]
    fn joins_chunks() {
        let bytes = b"3\r\nhel\r\n2;x=\"y\"\r\nlo\r\n000\r\na: b\r\nc: d\r\n\r\nrest";
        assert_eq!(chunked(bytes), Ok(Some((b"hello".to_vec(), 4))));
        assert_eq!(chunked(b"0\r\n\r\n"), Ok(Some((Vec::new(), 0))));
        let zeros = b"00000000000000000000002\r\nab\r\n0\r\n\r\n";
        assert_eq!(chunked(zeros), Ok(Some((b"ab".to_vec(), 0))));
    }

    #[test]
    fn rejects_malformed_chunks() {
        for (bytes, reason) in [
            (&b"\r\n"[..], Unreadable::ChunkSize),
            (b"-1\r\n", Unreadable::ChunkSize),
            (b"5\nhello", Unreadable::ChunkSize),
            (b"11111111111111111\r\n", Unreadable::ChunkSize),
            (b"1;a\nb\r\nx\r\n", Unreadable::ChunkSize),
            (b"3\r\nhelp", Unreadable::ChunkEnd),
            (b"3\r\nhel\rp", Unreadable::ChunkEnd),
            (b"0\r\na: b\n\r\n", Unreadable::Trailer),
            (b"0\r\n\r\r", Unreadable::Trailer),
        ] {
            assert_eq!(chunked(bytes), Err(reason), "{bytes:?}");
        }
    }

    #[test]
    fn rejects_endless_lines() {
        let mut bytes = b"1;".to_vec();
        bytes.resize(LINE_BYTES_MAX + 10, b'x');
        assert_eq!(chunked(&bytes), Err(Unreadable::LineLength));
        let trailers = "a: b\r\n".repeat(LINE_BYTES_MAX);
        let bytes = format!("0\r\n{trailers}\r\n");
        assert_eq!(chunked(bytes.as_bytes()), Err(Unreadable::LineLength));
    }
}
