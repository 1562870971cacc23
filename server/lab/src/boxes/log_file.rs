//! The log of a box: what it writes to standard error.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use tenfold_child_process::log_tail;

/// Lines shown of a log, counted from its end.
const TAIL_LINES: usize = 12;

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

/// Returns the log's last lines, fit for a terminal. Empty if there are none or the log can't be read.
pub(crate) fn tail(path: &Path) -> String {
    log_tail(path, TAIL_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

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
