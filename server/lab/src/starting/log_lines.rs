//! New lines of a log that grows.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Bytes read at a time. More are read next time.
const READ_BYTES_MAX: u64 = 256 * 1024;

/// Length of a line that is kept until its end is there, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// Kinds of lines that are remembered. Lines of any further kind are no news.
const KINDS_MAX: usize = 4_096;

/// Reader of the lines that are added to a log.
#[derive(Debug, Default)]
pub(super) struct LogLines {
    read: u64,
    unfinished: Vec<u8>,
    kinds: HashSet<u64>,
    hasher: RandomState,
}

impl LogLines {
    /// Calls `on_line` for each line added since the last call. Returns whether one of them is of a new kind.
    ///
    /// Lines are of one kind if they differ only in digits: a program that repeats an error with its time is no
    /// further than before.
    pub(super) fn read(&mut self, log: &Path, mut on_line: impl FnMut(&str)) -> bool {
        let Some(added) = self.added(log) else {
            return false;
        };
        let mut is_news = false;
        let mut left = &*added;
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = left.split_at(end);
            self.keep(line);
            let line = std::mem::take(&mut self.unfinished);
            let line = String::from_utf8_lossy(&line);
            is_news |= self.is_new(&line);
            on_line(&line);
            left = rest.get(1..).unwrap_or_default();
        }
        self.keep(left);
        is_news
    }

    fn added(&mut self, log: &Path) -> Option<Vec<u8>> {
        let mut file = File::open(log).ok()?;
        if file.metadata().ok()?.len() <= self.read {
            return None;
        }
        file.seek(SeekFrom::Start(self.read)).ok()?;
        let mut bytes = Vec::new();
        let count = file.take(READ_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        self.read += count as u64;
        Some(bytes)
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LINE_BYTES_MAX - self.unfinished.len().min(LINE_BYTES_MAX);
        self.unfinished
            .extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn is_new(&mut self, line: &str) -> bool {
        let mut hasher = self.hasher.build_hasher();
        let digits = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_whitespace();
        for byte in line.bytes().filter(|byte| !digits(byte)) {
            hasher.write_u8(byte);
        }
        self.kinds.len() < KINDS_MAX && self.kinds.insert(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn repeated_lines_are_no_news() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("box.log");
        let mut lines = LogLines::default();
        assert!(!lines.read(&log, |_| panic!("there is no log")));
        let mut file = File::create(&log).unwrap();
        let mut news = |text: &[u8]| {
            file.write_all(text).unwrap();
            let mut seen = Vec::new();
            let is_news = lines.read(&log, |line| seen.push(line.to_owned()));
            (is_news, seen.join("|"))
        };
        assert_eq!(
            news(b"12:00 starting\n12:0"),
            (true, "12:00 starting".into())
        );
        assert_eq!(news(b"1 retry 1\n"), (true, "12:01 retry 1".into()));
        assert_eq!(news(b"12:02 retry 22\n"), (false, "12:02 retry 22".into()));
        assert_eq!(news(b""), (false, String::new()));
        assert_eq!(news(b"\xff ready\n"), (true, "\u{fffd} ready".into()));
        let long = [b'x'; 3 * LINE_BYTES_MAX];
        assert_eq!(news(&long), (false, String::new()));
        let (is_news, seen) = news(b"\nnext\n");
        assert!(is_news && seen.len() == LINE_BYTES_MAX + "|next".len());
    }

    #[test]
    fn number_of_kinds_is_bounded() {
        let mut lines = LogLines::default();
        let kind = |number: usize| "x".repeat(number % 97) + &"y".repeat(number / 97);
        for number in 0..KINDS_MAX {
            assert!(lines.is_new(&kind(number)), "{number}");
        }
        assert!(!lines.is_new("something else"));
    }
}
