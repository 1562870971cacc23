//! A file that a scenario names.

use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens a regular file; returns it with its length in bytes.
///
/// # Errors
/// Fails as opening does, and for whatever else has a name in a file system: a pipe that nobody
/// writes to would be waited for without end, so that it is not even opened.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    refuse_other(std::fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // What it was a moment ago may have been put out of the way.
    let metadata = file.metadata()?;
    refuse_other(metadata.file_type())?;
    Ok((file, metadata.len()))
}

fn refuse_other(kind: FileType) -> io::Result<()> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}; give a regular file, which can be read again"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").unwrap();
        assert_eq!(open(&path).unwrap().1, 4);
        for (path, told) in [
            (folder.path(), "a directory"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = open(path).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
