//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Access, access};

/// The most links that are followed from one name, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Writes a file whole: beside its place first, then moved there, so that no reader, no crash and no
/// full disk leaves half of it.
///
/// A symbolic link stays one, and what it leads to is replaced. What is no regular file (a device, a
/// FIFO, an open file below `/dev/fd`) can't be replaced, and is written to as it is; a FIFO waits for
/// its reader.
///
/// # Errors
/// Where the directory is not there or can't be written into, or the disk is full. What was written
/// beside its place is taken away again.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_with(path, |file| file.write_all(bytes))
}

/// Does what [`write_whole`] does for a file that is written piece by piece, since it is too long to be
/// held.
///
/// # Errors
/// As for [`write_whole`]; and where `write` fails.
pub fn write_whole_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    // Some file systems tell of a full disk only where they are waited for.
    put(path, write, File::sync_all)
}

/// Does what [`write_whole`] does without waiting for the disk: no reader and no process that is killed
/// leaves half of the file, and a machine that stops may.
///
/// # Errors
/// As for [`write_whole`], but for those that only the disk could tell.
pub(crate) fn write_whole_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, |file| file.write_all(bytes), |_| Ok(()))
}

/// Writes a file beside its place, and moves it there once `settle` has seen to it; writes to what can't
/// be replaced.
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
    let path = match Place::of(path)? {
        Place::Open => {
            let file = OpenOptions::new().append(true).open(path)?;
            return write_to(file).map(drop);
        }
        Place::Replaced(path) => path,
    };
    let (partial, file) = create_beside(&path)?;
    let written = write_to(file)
        .and_then(|file| settle(file.get_ref()))
        .and_then(|()| fs::rename(&partial, &path));
    if written.is_err() {
        // What was wrong with the file is told; that it stays is not worth more words.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Tells whether [`write_whole`] could write to `path` now, and leaves what is there as it is.
///
/// # Errors
/// Why not.
pub fn check_writable(path: &Path) -> io::Result<()> {
    match Place::of(path)? {
        Place::Open => access(path, Access::WRITE_OK).map_err(Error::from),
        Place::Replaced(path) => {
            // Permissions alone don't tell of a file system that is mounted to be read only.
            let (partial, _) = create_beside(&path)?;
            fs::remove_file(&partial)
        }
    }
}

/// Tells whether a file is written to as it is rather than replaced.
///
/// # Errors
/// Where it can't be told, as where links lead round in a circle.
pub fn is_written_in_place(path: &Path) -> io::Result<bool> {
    Ok(matches!(Place::of(path)?, Place::Open))
}

/// How a name is written to.
enum Place {
    /// As it is.
    Open,
    /// By moving a file to here.
    Replaced(PathBuf),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(about) if !about.is_file() => return Ok(Self::Open),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            if is_descriptor(&path) {
                return Ok(Self::Open);
            }
            match fs::read_link(&path) {
                // What it leads to may be told from where it lies.
                Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
                Err(_) => return Ok(Self::Replaced(path)),
            }
        }
        Err(Error::other("it is a link that leads round in a circle"))
    }
}

/// Whether a name stands for a file that a process has open: whoever opened it goes on writing to it,
/// so that it must not be replaced.
fn is_descriptor(path: &Path) -> bool {
    let is = |folder: &Path| {
        folder.ends_with("fd") && (folder.starts_with("/proc") || folder.starts_with("/dev"))
    };
    path.parent().is_some_and(is)
}

/// Makes a new file beside `path`, under a name that nothing has: a file or a link that lies there
/// already belongs to somebody else.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let create = |name: OsString| -> io::Result<(PathBuf, File)> {
        let partial = path.with_file_name(name);
        let file = File::create_new(&partial)?;
        Ok((partial, file))
    };
    loop {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let suffix = format!(".{}-{number}.partial", std::process::id());
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(&suffix);
        let created = match create(name) {
            // A name that has room by itself may have none for more.
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
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        check_writable(&path).unwrap();
        assert!(!path.exists());
        write_whole(&path, b"one").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        write_whole_unsynced(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_lies_beside_it_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: String| directory.path().join(name);
        fs::write(at("victim".to_owned()), "kept").unwrap();
        fs::write(at("a.csv.partial".to_owned()), "kept").unwrap();
        // A process before may have had this one's number.
        let id = std::process::id();
        let taken: Vec<PathBuf> = (0..2_000)
            .map(|number| at(format!(".a.csv.{id}-{number}.partial")))
            .collect();
        for taken in &taken {
            symlink("victim", taken).unwrap();
        }
        let path = at("a.csv".to_owned());
        check_writable(&path).unwrap();
        write_whole(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        for name in ["victim", "a.csv.partial"] {
            assert_eq!(fs::read_to_string(at(name.to_owned())).unwrap(), "kept");
        }
        assert!(taken.iter().all(|taken| taken.is_symlink()));
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, taken.len() + 3);
    }

    #[test]
    fn a_name_with_no_room_for_more_is_written_too() {
        let directory = tempfile::tempdir().unwrap();
        for length in [230, 250, 255] {
            let path = directory.path().join("x".repeat(length));
            check_writable(&path).unwrap();
            write_whole(&path, b"one").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"one");
        }
        assert!(check_writable(&directory.path().join("x".repeat(256))).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_can_not_be_moved_into_place_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in-the-way");
        fs::create_dir_all(path.join("full")).unwrap();
        assert!(check_writable(&path).is_err());
        assert!(write_whole(&path, b"one").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_can_not_be_is_told() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        for name in ["missing/a.csv", "file/a.csv", "."] {
            let path = directory.path().join(name);
            assert!(check_writable(&path).is_err(), "{name}");
            assert!(write_whole(&path, b"one").is_err(), "{name}");
        }
        let round = directory.path().join("round");
        symlink("round", &round).unwrap();
        assert!(check_writable(&round).is_err());
    }

    #[test]
    fn links_stay_links() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("there")).unwrap();
        fs::write(at("there/old"), "old").unwrap();
        // One to a file, one to nothing yet, and one to a link.
        symlink("there/old", at("a")).unwrap();
        symlink("there/new", at("b")).unwrap();
        symlink(at("b"), at("c")).unwrap();
        for (link, file) in [("a", "there/old"), ("b", "there/new"), ("c", "there/new")] {
            check_writable(&at(link)).unwrap();
            write_whole(&at(link), link.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert!(!fs::symlink_metadata(at(file)).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(at(file)).unwrap(), link);
        }
        assert_eq!(fs::read_dir(at("there")).unwrap().count(), 2);
    }

    #[test]
    fn a_fifo_is_written_to_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let link = directory.path().join("link");
        symlink("fifo", &link).unwrap();
        // Nobody reads yet, and nothing waits for a reader.
        check_writable(&link).unwrap();
        assert!(is_written_in_place(&link).unwrap());
        let of_reader = path.clone();
        let reader = std::thread::spawn(move || fs::read(of_reader).unwrap());
        write_whole(&link, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_device_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("nothing");
        symlink("/dev/null", &link).unwrap();
        for path in [link.as_path(), Path::new("/dev/null")] {
            check_writable(path).unwrap();
            assert!(is_written_in_place(path).unwrap());
            write_whole(path, b"gone").unwrap();
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
    fn a_file_that_somebody_has_open_is_added_to() {
        use std::os::fd::AsRawFd;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("open");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"before ").unwrap();
        let descriptor = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
        check_writable(&descriptor).unwrap();
        write_whole(&descriptor, b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before after");
    }

    #[test]
    fn what_fails_half_way_leaves_the_old_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        write_whole(&path, b"one").unwrap();
        let failed = write_whole_with(&path, |file| {
            file.write_all(b"half")?;
            Err(Error::other("the log ends here"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
