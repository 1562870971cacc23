//! Lines of bytes, of bounded length.

use std::io::{self, BufRead};

/// Reads lines of bytes. Holds one line at a time, of bounded length.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    source: R,
    line: Vec<u8>,
}

/// Result of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A line without its end (`\n` or `\r\n`).
    Line(&'a [u8]),
    /// The start of a line that exceeds the limit; its rest has been skipped.
    TooLong(&'a [u8]),
    /// End of the source.
    End,
}

/// Maximum length of a line in bytes. Apache accepts request lines and headers of 8,190 bytes; escaped
/// as `\xhh`, one takes 32 KiB.
const LINE_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn too_long() -> String {
    format!("the line is longer than {} KiB", LINE_BYTES_MAX / 1024)
}

impl<R: BufRead> LineReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            line: Vec::new(),
        }
    }

    pub(crate) fn next_line(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let buffer = match self.source.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.unwrap_or(buffer.len());
            let room = LINE_BYTES_MAX - self.line.len();
            too_long |= length > room;
            self.line.extend_from_slice(&buffer[..length.min(room)]);
            self.source.consume(length + usize::from(end.is_some()));
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(Next::End);
        }
        if too_long {
            return Ok(Next::TooLong(&self.line));
        }
        Ok(Next::Line(
            self.line.strip_suffix(b"\r").unwrap_or(&self.line),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn splits_and_bounds_lines() {
        let mut text = b"one\r\n\ntwo\n".to_vec();
        text.extend(vec![b'x'; LINE_BYTES_MAX]);
        text.push(b'\n');
        text.extend(vec![b'y'; LINE_BYTES_MAX + 1]);
        text.extend(b"\nlast");
        let mut reader = LineReader::new(BufReader::with_capacity(7, text.as_slice()));
        assert_eq!(reader.next_line().unwrap(), Next::Line(b"one"));
        assert_eq!(reader.next_line().unwrap(), Next::Line(b""));
        assert_eq!(reader.next_line().unwrap(), Next::Line(b"two"));
        assert_eq!(
            reader.next_line().unwrap(),
            Next::Line(&[b'x'; LINE_BYTES_MAX])
        );
        assert_eq!(
            reader.next_line().unwrap(),
            Next::TooLong(&[b'y'; LINE_BYTES_MAX])
        );
        assert_eq!(reader.next_line().unwrap(), Next::Line(b"last"));
        assert_eq!(reader.next_line().unwrap(), Next::End);
    }
}
