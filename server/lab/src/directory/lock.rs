//! The lock on a lab's directory.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::LabError;

/// How long the guard of a lab that was killed may take to be done.
const PATIENCE: Duration = Duration::from_secs(7);

/// Holds a directory for one lab, until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Makes the directory, for this account alone, and takes it.
    pub(crate) fn take(directory: &Path) -> Result<Self, LabError> {
        let path = directory.join("lab.lock");
        let failed = |source| LabError::Directory {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| LabError::Directory {
                path: directory.to_owned(),
                source,
            })?;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    // Where the holder has not yet said who it is, the refusal does without.
                    let _ = file.seek(SeekFrom::Start(0));
                    let _ = (&file).take(32).read_to_string(&mut holder);
                    let pid: Option<u32> = holder.trim().parse().ok();
                    // One that was killed has left its guard, which will be done in a moment.
                    let has_died = pid.is_some_and(|pid| !is_running(pid));
                    if !has_died || Instant::now() > deadline {
                        return Err(LabError::InUse {
                            directory: directory.to_owned(),
                            pid,
                        });
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { file })
    }

    /// The lock once more, for another process to hold: it is held until both let go.
    pub(crate) fn share(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }
}

fn is_running(pid: u32) -> bool {
    // One that has ended and was not waited for is there no more than in name.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or(" Z").starts_with(" Z"))
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // The file stays, as removing it would let two labs lock two files of one name.
        let _ = self.file.set_len(0);
    }
}
