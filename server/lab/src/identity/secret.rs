//! Secrets of the boxes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use crate::LabError;
use crate::directory::write_private;

/// Length of a secret, in random bytes.
const SECRET_BYTES: usize = 32;

/// Returns the secret of a name; creates it on first use.
///
/// Every later start in the same directory returns the same secret, since encrypted data and accounts depend on
/// it. The file is readable by this account only and contains 64 hexadecimal digits.
pub(crate) fn secret(directory: &Path, name: &str) -> Result<String, LabError> {
    let path = directory.join("secrets").join(name);
    match fs::read_to_string(&path) {
        Ok(found) if is_complete(found.trim()) => return Ok(found.trim().to_owned()),
        // A truncated secret has never been used.
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

/// Returns a new secret, which is not stored yet.
pub(crate) fn new_secret(directory: &Path) -> Result<String, LabError> {
    random().map_err(|source| LabError::Directory {
        path: directory.join("secrets"),
        source,
    })
}

/// Stores the secret of a name instead of the earlier one.
pub(crate) fn store_secret(directory: &Path, name: &str, secret: &str) -> Result<(), LabError> {
    write_private(&directory.join("secrets").join(name), secret)
}

fn is_complete(text: &str) -> bool {
    text.len() == 2 * SECRET_BYTES && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn random() -> io::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn creates_private_secret_once() {
        let directory = tempfile::tempdir().unwrap();
        let made = secret(directory.path(), "sql").unwrap();
        assert!(is_complete(&made), "{made}");
        assert_eq!(secret(directory.path(), "sql").unwrap(), made);
        assert_ne!(secret(directory.path(), "other").unwrap(), made);
        let path = directory.path().join("secrets/sql");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(is_complete(&secret(directory.path(), "sql").unwrap()));
    }
}
