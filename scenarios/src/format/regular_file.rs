//! Files named by a scenario.

use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens a regular file, and returns it with its length in bytes.
///
/// # Errors
/// Fails if the file can't be opened or is not a regular file. Other kinds are never opened, because
/// opening a named pipe without a writer blocks.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    reject_other(std::fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // The file may have been replaced in between.
    let metadata = file.metadata()?;
    reject_other(metadata.file_type())?;
    Ok((file, metadata.len()))
}

fn reject_other(kind: FileType) -> io::Result<()> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}; give a regular file"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_regular_files_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").unwrap();
        assert_eq!(open(&path).unwrap().1, 4);
        for (path, kind) in [
            (folder.path(), "a directory"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = open(path).unwrap_err().to_string();
            assert!(error.contains(kind), "{error}");
        }
    }
}
