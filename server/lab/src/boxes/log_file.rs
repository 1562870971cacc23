//! The log of a box: its standard output and standard error.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use tenfold_child_process::log_tail;

/// Number of lines shown from the end of a log.
const TAIL_LINES: usize = 12;

/// Error when opening a log.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// Another process still writes to it.
    Held,
    /// The file could not be created.
    Io(std::io::Error),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens and truncates a log once no other process holds it.
///
/// The lock belongs to the open file, which the box inherits, so it is held for as long as the box
/// lives, even if its lab has died. An orphaned box takes a moment to exit; `timeout` limits the wait.
pub(crate) fn open(path: &Path, timeout: Duration) -> Result<File, OpenError> {
    let file = File::options()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    let deadline = Instant::now() + timeout;
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

/// Returns the last lines of a log without control characters. Empty if there are none or the log can't be read.
pub(crate) fn tail(path: &Path) -> String {
    log_tail(path, TAIL_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_has_one_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("box.log");
        let held = open(&path, Duration::ZERO).unwrap();
        assert!(matches!(open(&path, Duration::ZERO), Err(OpenError::Held)));
        drop(held);
        open(&path, Duration::ZERO).unwrap();
    }
}
