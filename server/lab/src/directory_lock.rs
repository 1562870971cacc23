//! The lock on a lab's directory.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::LabError;

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
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Where the holder has not yet said who it is, the refusal does without.
                let _ = file.take(32).read_to_string(&mut holder);
                return Err(LabError::InUse {
                    directory: directory.to_owned(),
                    pid: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // The file stays, as removing it would let two labs lock two files of one name.
        let _ = self.file.set_len(0);
    }
}
