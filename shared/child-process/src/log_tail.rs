//! The end of a log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read from the end of a log.
const TAIL_BYTES: u64 = 8 * 1024;

/// Characters shown of a line.
const LINE_CHARS_MAX: usize = 400;

/// Returns the last lines of a log that are not blank, at most `lines`. Empty if the log can't be read.
///
/// Control characters are removed, so that a log can't send escape sequences to a terminal.
pub fn log_tail(path: &Path, lines: usize) -> String {
    let Ok(bytes) = last_bytes(path) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let shown: Vec<String> = text
        .lines()
        .map(|line| {
            line.chars()
                .filter(|c| !c.is_control() || *c == '\t')
                .take(LINE_CHARS_MAX)
                .collect::<String>()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    shown[shown.len().saturating_sub(lines)..].join("\n")
}

fn last_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    if skipped > 0 {
        // The first line is cut off, so it goes, unless it is all there is.
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
            && end + 1 < bytes.len()
        {
            bytes.drain(..=end);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail_of(bytes: &[u8]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, bytes).unwrap();
        log_tail(&path, 12)
    }

    #[test]
    fn returns_the_last_lines() {
        let log: String = (0..10_000).map(|line| format!("line {line}\n")).collect();
        let tail = tail_of(log.as_bytes());
        assert_eq!(tail.lines().count(), 12);
        assert!(tail.ends_with("line 9999"));
    }

    #[test]
    fn any_bytes_become_printable() {
        assert_eq!(tail_of(b"\x1b[31mred\x1b[0m\r\n"), "[31mred[0m");
        assert_eq!(tail_of(b""), "");
        assert_eq!(tail_of(b"\n\n"), "");
        assert!(tail_of(&[0xff; 100]).contains('\u{fffd}'));
        assert_eq!(tail_of(&vec![b'x'; 100_000]).len(), LINE_CHARS_MAX);
        assert_eq!(log_tail(Path::new("no/such/log"), 12), "");
    }
}
