//! The lock on a lab's directory.

use std::ffi::OsString;
use std::fmt;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::LabError;
use crate::directory::found_lab::labs_in;

/// Time limit for the guard of a killed lab to clean up.
const GUARD_TIMEOUT: Duration = Duration::from_secs(7);

/// Time limit for a lab that takes or releases the lock at this moment.
const CHANGE_TIMEOUT: Duration = Duration::from_millis(500);

/// Interval at which a held lock is tried again.
const POLL: Duration = Duration::from_millis(10);

/// Length of the file, in bytes.
const FILE_BYTES_MAX: u64 = 1_024;

/// Length of the command in it, in characters.
const COMMAND_MAX: usize = 120;

/// The process that holds a lab's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process ID.
    pub pid: u32,
    /// Stage of its lab. Empty if unknown.
    pub stage: String,
    /// Its command, such as `tenfold run spike`. Empty if unknown.
    pub command: String,
}

impl Holder {
    /// Describes this process.
    pub(crate) fn of_this_process(stage: &str, command: &str) -> Self {
        Self {
            pid: std::process::id(),
            stage: plain(stage),
            command: plain(command),
        }
    }

    /// Reads the file. `None` if it holds no process ID.
    fn read(mut file: &File) -> Option<Self> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).ok()?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let mut text = || lines.next().map(plain).unwrap_or_default();
        Some(Self {
            pid,
            stage: text(),
            command: text(),
        })
    }
}

/// Shortens a text, and removes what would end its line.
fn plain(text: &str) -> String {
    let printable = text.chars().filter(|character| !character.is_control());
    printable.take(COMMAND_MAX).collect()
}

impl fmt::Display for Holder {
    /// Writes `process 123, stage cached, "tenfold lab up"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if !self.stage.is_empty() {
            write!(f, ", stage {}", self.stage)?;
        }
        if !self.command.is_empty() {
            write!(f, ", `{}`", self.command)?;
        }
        Ok(())
    }
}

/// Exclusive lock on a directory, until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

/// Result of an attempt to take a lock.
enum Attempt {
    Taken(DirectoryLock),
    /// Another process holds it. `None` if that is unknown.
    Held(Option<Holder>),
}

impl DirectoryLock {
    /// Creates the directory, readable by this account only, and locks it.
    ///
    /// # Errors
    /// Returns an error if another lab holds it.
    pub(crate) fn take(directory: &Path, own: &Holder) -> Result<Self, LabError> {
        match Self::attempt(directory, own)? {
            Attempt::Taken(lock) => Ok(lock),
            Attempt::Held(holder) => Err(LabError::InUse {
                directory: directory.to_owned(),
                holder,
            }),
        }
    }

    /// Takes the first free directory of `DIRECTORY`, `DIRECTORY-2` and so on, with `spares` numbered ones at
    /// most. Their data stays for the next lab.
    ///
    /// # Errors
    /// Returns an error if other labs hold all of them.
    pub(crate) fn take_first_free(
        directory: &Path,
        spares: u32,
        own: &Holder,
    ) -> Result<(PathBuf, Self), LabError> {
        if spares == 0 {
            return Self::take(directory, own).map(|lock| (directory.to_owned(), lock));
        }
        for number in 1..=spares.saturating_add(1) {
            let candidate = numbered(directory, number);
            if let Attempt::Taken(lock) = Self::attempt(&candidate, own)? {
                return Ok((candidate, lock));
            }
        }
        let others = labs_in(directory.parent().unwrap_or(Path::new(".")));
        Err(LabError::AllInUse {
            directory: directory.to_owned(),
            spares,
            others,
        })
    }

    fn attempt(directory: &Path, own: &Holder) -> Result<Attempt, LabError> {
        let path = path_in(directory);
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
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let holder = Holder::read(&file);
                    let patience = match &holder {
                        Some(holder) if is_running(holder.pid) => Duration::ZERO,
                        // The guard of a killed lab still holds the lock until it has cleaned up.
                        Some(_) => GUARD_TIMEOUT,
                        // The holder has not written its process ID yet, or removed it already.
                        None => CHANGE_TIMEOUT,
                    };
                    if began.elapsed() >= patience {
                        return Ok(Attempt::Held(holder));
                    }
                    std::thread::sleep(POLL);
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let text = format!("{}\n{}\n{}\n", own.pid, own.stage, own.command);
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Attempt::Taken(Self { file }))
    }

    /// Returns another handle to the lock, for a child process. The lock is held until both are closed.
    pub(crate) fn share(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }
}

/// Returns the process that holds a directory. `None` if no lab is up there.
pub(crate) fn holder_of(directory: &Path) -> Option<Holder> {
    let file = File::open(path_in(directory)).ok()?;
    // A free directory is not locked even for a moment, in which another lab would find it held.
    let holder = Holder::read(&file).filter(|holder| is_running(holder.pid))?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder),
        // The number now belongs to another process.
        _ => None,
    }
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join("lab.lock")
}

/// Returns the directory itself as number 1, and `DIRECTORY-N` from 2 on.
fn numbered(directory: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return directory.to_owned();
    }
    let mut name = OsString::from(directory);
    name.push(format!("-{number}"));
    name.into()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_file_is_harmless(bytes in prop::collection::vec(any::<u8>(), 0..600), command in ".*") {
            let _ = Holder::parse(&bytes);
            let own = Holder::of_this_process("cached", &command);
            let text = format!("{}\n{}\n{}\n", own.pid, own.stage, own.command);
            prop_assert_eq!(Holder::parse(text.as_bytes()), Some(own));
        }
    }

    #[test]
    fn takes_first_free_directory() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("single-box");
        let own = Holder::of_this_process("single-box", "tenfold run\nspike");
        let take = |spares| DirectoryLock::take_first_free(&first, spares, &own);
        let (path, _held) = take(2).unwrap();
        assert_eq!(path, first);
        let (path, second) = take(2).unwrap();
        assert_eq!(path, folder.path().join("single-box-2"));
        let (path, _third) = take(2).unwrap();
        assert_eq!(path, folder.path().join("single-box-3"));
        let text = take(2).unwrap_err().to_string();
        let pid = std::process::id();
        for expected in [
            "its 2 spare directories".to_owned(),
            format!("single-box-3 (process {pid}, stage single-box, `tenfold runspike`)"),
        ] {
            assert!(text.contains(&expected), "{text}");
        }
        // The lowest free one, with the data of the lab before.
        std::fs::write(folder.path().join("single-box-2/data"), "loaded").unwrap();
        drop(second);
        let (path, _second) = take(2).unwrap();
        assert!(path.ends_with("single-box-2") && path.join("data").exists());
        let error = take(0).unwrap_err();
        assert!(matches!(error, LabError::InUse { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn takes_directory_of_killed_owner() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("lab");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(path_in(&directory), "4194304\n").unwrap();
        let own = Holder::of_this_process("cached", "");
        let _lock = DirectoryLock::take(&directory, &own).unwrap();
        assert_eq!(holder_of(&directory), Some(own));
    }
}
