//! Opening of logs: compression and byte order marks.

use std::io::{BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::compression::{Compression, START_BYTES};
use super::log_error::LogError;

/// A source without compression and byte order mark, and its first bytes.
pub(crate) struct Source<'a> {
    /// First bytes, to detect the format; at most 512.
    pub(crate) start: Vec<u8>,
    /// Everything, including the first bytes.
    pub(crate) whole: Box<dyn BufRead + 'a>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Byte order marks of UTF-16, little-endian and big-endian.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

impl<'a> Source<'a> {
    /// Opens a source. Detects gzip by its first two bytes.
    ///
    /// # Errors
    /// Fails if it can't be read, or is compressed by another method or in UTF-16.
    pub(crate) fn open(source: impl BufRead + 'a, origin: &str) -> Result<Self, LogError> {
        let failed = |source| LogError::Read {
            origin: origin.to_owned(),
            line: 0,
            source,
        };
        let (magic, source) = peek(source, 2).map_err(failed)?;
        let source: Box<dyn BufRead + 'a> = match magic == [0x1f, 0x8b] {
            true => Box::new(BufReader::new(MultiGzDecoder::new(source))),
            false => Box::new(source),
        };
        let (mut start, mut whole) = peek(source, START_BYTES).map_err(failed)?;
        if let Some(found) = Compression::of(&start) {
            return Err(LogError::Compressed {
                origin: origin.to_owned(),
                name: found.name,
                advice: found.advice(origin),
            });
        }
        if UTF_16_MARKS.iter().any(|mark| start.starts_with(mark)) {
            return Err(LogError::Utf16 {
                origin: origin.to_owned(),
            });
        }
        if start.starts_with(BYTE_ORDER_MARK) {
            start.drain(..BYTE_ORDER_MARK.len());
            whole.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self {
            start,
            whole: Box::new(whole),
        })
    }
}

/// Reads `length` bytes ahead. Returns them and a source that yields them again.
fn peek<R: BufRead>(mut source: R, length: u64) -> std::io::Result<(Vec<u8>, impl BufRead)> {
    let mut start = Vec::new();
    source.by_ref().take(length).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(source)))
}
