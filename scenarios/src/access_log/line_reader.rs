//! Lines of bytes, of bounded length.

use std::io::{self, BufRead};

/// Reads lines of bytes and never holds more than one of bounded length.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    source: R,
    line: Vec<u8>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A line without its end (`\n` or `\r\n`).
    Line(&'a [u8]),
    /// The beginning of a line that is too long to be held; the rest of it has been skipped.
    TooLong(&'a [u8]),
    /// Nothing.
    End,
}

/// Apache takes request lines and headers of 8,190 bytes; escaped as `\xhh` one of them is 32 KiB.
const LONGEST_LINE: usize = 64 * 1024;

pub(crate) fn too_long() -> String {
    format!("the line is longer than {} KiB", LONGEST_LINE / 1024)
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
            let taken = end.unwrap_or(buffer.len());
            let room = LONGEST_LINE - self.line.len();
            too_long |= taken > room;
            self.line.extend_from_slice(&buffer[..taken.min(room)]);
            self.source.consume(taken + usize::from(end.is_some()));
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
    fn bounds_lines_and_knows_their_ends() {
        let mut text = b"one\r\n\ntwo\n".to_vec();
        text.extend(vec![b'x'; LONGEST_LINE]);
        text.push(b'\n');
        text.extend(vec![b'y'; LONGEST_LINE + 1]);
        text.extend(b"\nlast");
        let mut reader = LineReader::new(BufReader::with_capacity(7, text.as_slice()));
        assert_eq!(reader.next_line().unwrap(), Next::Line(b"one"));
        assert_eq!(reader.next_line().unwrap(), Next::Line(b""));
        assert_eq!(reader.next_line().unwrap(), Next::Line(b"two"));
        assert_eq!(
            reader.next_line().unwrap(),
            Next::Line(&[b'x'; LONGEST_LINE])
        );
        assert_eq!(
            reader.next_line().unwrap(),
            Next::TooLong(&[b'y'; LONGEST_LINE])
        );
        assert_eq!(reader.next_line().unwrap(), Next::Line(b"last"));
        assert_eq!(reader.next_line().unwrap(), Next::End);
    }
}
