//! Bytes by their digest: what agents fetch from the controller.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::message::Parcel;

/// The parcels of a run. Files stay on disk, and are read when an agent asks for a part.
#[derive(Default)]
pub(crate) struct Parcels {
    sources: HashMap<String, Source>,
}

enum Source {
    Bytes(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

impl Parcels {
    /// Adds bytes, which may be secret.
    pub(crate) fn add_bytes(&mut self, bytes: Vec<u8>) -> Parcel {
        let parcel = parcel_of(&bytes);
        let source = Source::Bytes(Zeroizing::new(bytes));
        self.sources.insert(parcel.sha256.clone(), source);
        parcel
    }

    /// Adds a file.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn add_file(&mut self, path: &Path) -> io::Result<Parcel> {
        let parcel = parcel_of_file(path)?;
        let source = Source::File(path.to_owned());
        self.sources.insert(parcel.sha256.clone(), source);
        Ok(parcel)
    }

    /// Returns a part of a parcel: `bytes_max` bytes, or fewer at its end. `None` if there is no such parcel, or it can't be read.
    pub(crate) fn part(
        &self,
        sha256: &str,
        offset: u64,
        bytes_max: usize,
    ) -> Option<Zeroizing<Vec<u8>>> {
        match self.sources.get(sha256)? {
            Source::Bytes(bytes) => {
                let from = usize::try_from(offset).ok()?.min(bytes.len());
                let to = from.saturating_add(bytes_max).min(bytes.len());
                Some(Zeroizing::new(bytes[from..to].to_vec()))
            }
            Source::File(path) => read_part(&File::open(path).ok()?, offset, bytes_max).ok(),
        }
    }
}

/// Reads a part of a file: `bytes_max` bytes, or fewer at its end.
pub(crate) fn read_part(
    file: &File,
    offset: u64,
    bytes_max: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut part = Zeroizing::new(vec![0; bytes_max]);
    let mut filled = 0;
    while filled < bytes_max {
        match file.read_at(&mut part[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    part.truncate(filled);
    Ok(part)
}

/// Returns the digest and length of bytes.
pub(crate) fn parcel_of(bytes: &[u8]) -> Parcel {
    Parcel {
        sha256: hexadecimal(&Sha256::digest(bytes)),
        bytes: bytes.len() as u64,
    }
}

/// Returns the digest and length of a file.
pub(crate) fn parcel_of_file(path: &Path) -> io::Result<Parcel> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
    Ok(Parcel {
        sha256: hexadecimal(&digest.finalize()),
        bytes,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_bytes_and_files_are_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("people.csv");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut parcels = Parcels::default();
        let of_file = parcels.add_file(&path).unwrap();
        assert_eq!(of_file, parcel_of(b"0123456789"));
        for _ in 0..2 {
            for (offset, part) in [(0, "0123"), (4, "4567"), (8, "89"), (10, ""), (99, "")] {
                let found = parcels.part(&of_file.sha256, offset, 4).unwrap();
                assert_eq!(found.as_slice(), part.as_bytes(), "{offset}");
            }
            parcels.add_bytes(b"0123456789".to_vec());
        }
        assert!(parcels.part("0", 0, 4).is_none());
        assert!(parcels.add_file(Path::new("/nowhere")).is_err());
    }

    #[test]
    fn digest_is_that_of_the_standard() {
        // FIPS 180-4, example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(parcel_of(b"abc").sha256, expected);
    }
}
