//! The log of a box: what it writes to standard error.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

/// Lines shown of a log, counted from its end.
const TAIL_LINES: usize = 12;

/// Bytes read of a log, counted from its end.
const TAIL_BYTES: u64 = 8 * 1024;

/// Why a log could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The process that writes to it still runs.
    Held,
    /// The file could not be made.
    Io(std::io::Error),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens and empties a log, once no process holds it any more.
///
/// The lock belongs to the open file, which the box inherits, so it is held for as long as the box
/// lives, even where its lab has died. A box takes a moment to notice that, hence the waiting.
pub(crate) fn open(path: &Path, patience: Duration) -> Result<File, OpenError> {
    let file = File::options()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::Held),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    file.set_len(0)?;
    Ok(file)
}

/// Returns the log's last lines, fit for a terminal; empty where there is none or it can't be read.
pub(crate) fn tail(path: &Path) -> String {
    let Ok(bytes) = last_bytes(path) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            // A terminal must not take orders from a log.
            line.chars()
                .filter(|c| !c.is_control() || *c == '\t')
                .take(400)
                .collect::<String>()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn last_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    if skipped > 0 {
        // The first line is cut, so it goes; unless it is all there is.
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
        let path = directory.path().join("box.log");
        std::fs::write(&path, bytes).unwrap();
        tail(&path)
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let log: String = (0..10_000).map(|line| format!("line {line}\n")).collect();
        let tail = tail_of(log.as_bytes());
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("line 9999"));
    }

    #[test]
    fn the_tail_of_anything_is_printable() {
        assert_eq!(tail_of(b"\x1b[31mred\x1b[0m\r\n"), "[31mred[0m");
        assert_eq!(tail_of(b""), "");
        assert_eq!(tail_of(b"\n\n"), "");
        assert!(tail_of(&[0xff; 100]).contains('\u{fffd}'));
        assert_eq!(tail_of(&vec![b'x'; 100_000]).len(), 400);
        assert_eq!(tail(Path::new("no/such/log")), "");
    }

    #[test]
    fn a_log_has_one_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("box.log");
        let held = open(&path, Duration::ZERO).unwrap();
        assert!(matches!(open(&path, Duration::ZERO), Err(OpenError::Held)));
        drop(held);
        open(&path, Duration::ZERO).unwrap();
    }
}
