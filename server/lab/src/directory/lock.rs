//! The lock on a lab's directory.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::LabError;

/// Time limit for the guard of a killed lab to clean up.
const GUARD_TIMEOUT: Duration = Duration::from_secs(7);

/// Exclusive lock on a directory, until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Creates the directory, readable by this account only, and locks it.
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
        let deadline = Instant::now() + GUARD_TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    // The holder may not have written its process ID yet.
                    let _ = file.seek(SeekFrom::Start(0));
                    let _ = (&file).take(32).read_to_string(&mut holder);
                    let pid: Option<u32> = holder.trim().parse().ok();
                    // The guard of a killed lab still holds the lock until it has cleaned up.
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

    /// Returns another handle to the lock, for a child process. The lock is held until both are closed.
    pub(crate) fn share(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }
}

fn is_running(pid: u32) -> bool {
    // A zombie counts as gone.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or(" Z").starts_with(" Z"))
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Keep the file: with a new file of the same name, two labs could each hold a lock.
        let _ = self.file.set_len(0);
    }
}
