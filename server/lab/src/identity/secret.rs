//! Secrets that a lab makes for its boxes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use crate::LabError;
use crate::directory::write_private;

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
