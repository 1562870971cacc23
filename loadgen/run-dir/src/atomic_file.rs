//! Atomic writes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Access, access};

/// Most symbolic links to follow, as in Linux.
const LINKS_MAX: usize = 40;

/// Writes a file atomically: to a temporary file in the same directory, which then replaces the target. Neither a crash nor
/// a full disk leaves half a file.
///
/// A symbolic link is kept, and its target replaced. Anything but a regular file (a device, a FIFO, an open file below
/// `/dev/fd`) is written in place. A FIFO waits for its reader.
///
/// # Errors
/// If the directory does not exist or is not writable, or the disk is full. The temporary file is removed then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Does what [`write_atomic`] does, for a file that is too long for memory: `write` writes it piece by piece.
///
/// # Errors
/// As for [`write_atomic`], and if `write` fails.
pub fn write_atomic_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    // Some file systems report a full disk only when synced.
    put(path, write, File::sync_all)
}

/// Does what [`write_atomic`] does, without a sync: a crash of the process leaves no half file, but one of the machine may.
///
/// # Errors
/// As for [`write_atomic`], except for those that only a sync reports.
pub(crate) fn write_atomic_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, |file| file.write_all(bytes), |_| Ok(()))
}

/// Writes a temporary file, calls `settle` on it, and moves it into place. Writes in place what can't be replaced.
fn put(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    settle: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let write_to = |file: File| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.flush()?;
        Ok(file)
    };
    let path = match Method::of(path)? {
        Method::InPlace => {
            let file = OpenOptions::new().append(true).open(path)?;
            return write_to(file).map(drop);
        }
        Method::Replace(path) => path,
    };
    let (partial, file) = create_beside(&path)?;
    let written = write_to(file)
        .and_then(|file| settle(file.get_ref()))
        .and_then(|()| fs::rename(&partial, &path));
    if written.is_err() {
        // The first error matters more than a temporary file that stays.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Checks that [`write_atomic`] could write to `path` now. Changes nothing.
///
/// # Errors
/// If it could not.
pub fn check_writable(path: &Path) -> io::Result<()> {
    match Method::of(path)? {
        Method::InPlace => access(path, Access::WRITE_OK).map_err(Error::from),
        Method::Replace(path) => {
            // Permissions don't show that a file system is mounted read-only.
            let (partial, _) = create_beside(&path)?;
            fs::remove_file(&partial)
        }
    }
}

/// Returns whether a file is written in place rather than replaced.
///
/// # Errors
/// If the file can't be inspected, for example because its symbolic links form a loop.
pub fn is_written_in_place(path: &Path) -> io::Result<bool> {
    Ok(matches!(Method::of(path)?, Method::InPlace))
}

/// The way to write to a path.
enum Method {
    /// Write in place.
    InPlace,
    /// Move a temporary file to this path.
    Replace(PathBuf),
}

impl Method {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(about) if !about.is_file() => return Ok(Self::InPlace),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            if is_descriptor(&path) {
                return Ok(Self::InPlace);
            }
            match fs::read_link(&path) {
                // The target may be relative to the link.
                Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
                Err(_) => return Ok(Self::Replace(path)),
            }
        }
        Err(Error::other("its symbolic links form a loop"))
    }
}

/// Returns whether a path stands for an open file. Its owner keeps writing to it, so it must not be replaced.
fn is_descriptor(path: &Path) -> bool {
    let is = |folder: &Path| {
        folder.ends_with("fd") && (folder.starts_with("/proc") || folder.starts_with("/dev"))
    };
    path.parent().is_some_and(is)
}

/// Creates a temporary file in the directory of `path`, under an unused name: an existing file or link belongs to someone
/// else.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let create = |name: OsString| -> io::Result<(PathBuf, File)> {
        let partial = path.with_file_name(name);
        let file = File::create_new(&partial)?;
        Ok((partial, file))
    };
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let suffix = format!(".{}-{number}.partial", std::process::id());
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(&suffix);
        let created = match create(name) {
            // A name of full length leaves no room for a suffix.
            Err(error) if error.kind() == ErrorKind::InvalidFilename => create(suffix.into()),
            created => created,
        };
        match created {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        check_writable(&path).unwrap();
        assert!(!path.exists());
        write_atomic(&path, b"one").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        write_atomic_unsynced(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn leaves_other_files_alone() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: String| directory.path().join(name);
        fs::write(at("victim".to_owned()), "kept").unwrap();
        fs::write(at("a.csv.partial".to_owned()), "kept").unwrap();
        // An earlier process may have had the same id.
        let id = std::process::id();
        let taken: Vec<PathBuf> = (0..2_000)
            .map(|number| at(format!(".a.csv.{id}-{number}.partial")))
            .collect();
        for taken in &taken {
            symlink("victim", taken).unwrap();
        }
        let path = at("a.csv".to_owned());
        check_writable(&path).unwrap();
        write_atomic(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        for name in ["victim", "a.csv.partial"] {
            assert_eq!(fs::read_to_string(at(name.to_owned())).unwrap(), "kept");
        }
        assert!(taken.iter().all(|taken| taken.is_symlink()));
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, taken.len() + 3);
    }

    #[test]
    fn writes_names_of_full_length() {
        let directory = tempfile::tempdir().unwrap();
        for length in [230, 250, 255] {
            let path = directory.path().join("x".repeat(length));
            check_writable(&path).unwrap();
            write_atomic(&path, b"one").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"one");
        }
        assert!(check_writable(&directory.path().join("x".repeat(256))).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn removes_the_temporary_file_on_failure() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in-the-way");
        fs::create_dir_all(path.join("full")).unwrap();
        assert!(check_writable(&path).is_err());
        assert!(write_atomic(&path, b"one").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn reports_paths_that_can_not_be_written() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        for name in ["missing/a.csv", "file/a.csv", "."] {
            let path = directory.path().join(name);
            assert!(check_writable(&path).is_err(), "{name}");
            assert!(write_atomic(&path, b"one").is_err(), "{name}");
        }
        let round = directory.path().join("round");
        symlink("round", &round).unwrap();
        assert!(check_writable(&round).is_err());
    }

    #[test]
    fn keeps_symbolic_links() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("there")).unwrap();
        fs::write(at("there/old"), "old").unwrap();
        // A link to a file, one to a missing file, and one to a link.
        symlink("there/old", at("a")).unwrap();
        symlink("there/new", at("b")).unwrap();
        symlink(at("b"), at("c")).unwrap();
        for (link, file) in [("a", "there/old"), ("b", "there/new"), ("c", "there/new")] {
            check_writable(&at(link)).unwrap();
            write_atomic(&at(link), link.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert!(!fs::symlink_metadata(at(file)).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(at(file)).unwrap(), link);
        }
        assert_eq!(fs::read_dir(at("there")).unwrap().count(), 2);
    }

    #[test]
    fn writes_a_fifo_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let link = directory.path().join("link");
        symlink("fifo", &link).unwrap();
        // There is no reader yet, and the check must not wait for one.
        check_writable(&link).unwrap();
        assert!(is_written_in_place(&link).unwrap());
        let of_reader = path.clone();
        let reader = std::thread::spawn(move || fs::read(of_reader).unwrap());
        write_atomic(&link, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn writes_a_device_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("nothing");
        symlink("/dev/null", &link).unwrap();
        for path in [link.as_path(), Path::new("/dev/null")] {
            check_writable(path).unwrap();
            assert!(is_written_in_place(path).unwrap());
            write_atomic(path, b"gone").unwrap();
            assert!(
                fs::metadata("/dev/null")
                    .unwrap()
                    .file_type()
                    .is_char_device()
            );
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn appends_to_an_open_file() {
        use std::os::fd::AsRawFd;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("open");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"before ").unwrap();
        let descriptor = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
        check_writable(&descriptor).unwrap();
        write_atomic(&descriptor, b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before after");
    }

    #[test]
    fn failed_write_keeps_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        write_atomic(&path, b"one").unwrap();
        let failed = write_atomic_with(&path, |file| {
            file.write_all(b"half")?;
            Err(Error::other("the log ends here"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
