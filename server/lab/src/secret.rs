//! Secrets that a lab makes for its boxes.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::LabError;

/// Random bytes of a secret.
const BYTES: usize = 32;

/// Returns the secret of a name, the same each time that the directory is used: data that was encrypted with it,
/// or accounts that have it, are there still.
///
/// It is in a file that this account alone may read, and 64 hexadecimal digits long.
pub(crate) fn secret(directory: &Path, name: &str) -> Result<String, LabError> {
    let path = directory.join("secrets").join(name);
    match fs::read_to_string(&path) {
        Ok(found) if is_whole(found.trim()) => return Ok(found.trim().to_owned()),
        // One that was cut short has been told to nobody.
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(LabError::Directory { path, source }),
    }
    let made = random().map_err(|source| LabError::Directory {
        path: path.clone(),
        source,
    })?;
    write_private(&path, &made)?;
    Ok(made)
}

fn is_whole(text: &str) -> bool {
    text.len() == 2 * BYTES && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn random() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that this account alone may read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), LabError> {
    write(path, text).map_err(|source| LabError::Directory {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        private_directory(parent)?;
    }
    let partial: PathBuf = path.with_added_extension("partial");
    // One that is left has its own mode.
    let _ = fs::remove_file(&partial);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(partial, path)
}

/// Makes a directory that this account alone may read, unless it is there.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let made = secret(directory.path(), "sql").unwrap();
        assert!(is_whole(&made), "{made}");
        assert_eq!(secret(directory.path(), "sql").unwrap(), made);
        assert_ne!(secret(directory.path(), "other").unwrap(), made);
        let path = directory.path().join("secrets/sql");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(is_whole(&secret(directory.path(), "sql").unwrap()));
    }
}
