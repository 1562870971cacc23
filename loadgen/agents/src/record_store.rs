//! The record of an agent, as it arrives at the controller.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::message::Parcel;
use crate::parcels::{parcel_of, parcel_of_file};

/// The log, which only grows.
pub(crate) const LOG: &str = "intervals.hlog";

/// Documents, in the order in which they are sent. Counts come last: they say how much of the others they match.
pub(crate) const DOCUMENTS: [&str; 5] = [
    "host.json",
    "samples.json",
    "server_timing.json",
    "timeline.json",
    "counts.json",
];

/// Largest document in bytes: the timeline of three days.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// Writes the record of one agent into its directory, part by part. A part may come twice.
pub(crate) struct RecordStore {
    directory: PathBuf,
    log: Option<File>,
    /// Bytes of the log that have arrived.
    log_bytes: u64,
    /// The document that is arriving.
    document: (&'static str, Vec<u8>),
    /// The document that has arrived last. If the answer to its last part is lost, that part comes again.
    last: Option<(&'static str, Parcel)>,
}

impl RecordStore {
    /// A record in a directory, which is created.
    ///
    /// # Errors
    /// If the directory can't be created.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            log: None,
            log_bytes: 0,
            document: ("", Vec::new()),
            last: None,
        })
    }

    /// Writes a part of a file. With the last part of a file comes its digest, which is checked.
    ///
    /// # Errors
    /// The reason why the part is refused.
    pub(crate) fn write(
        &mut self,
        name: &str,
        offset: u64,
        part: &[u8],
        complete: Option<&Parcel>,
    ) -> Result<(), String> {
        match DOCUMENTS.iter().find(|known| **known == name) {
            Some(known) => self.write_document(known, offset, part, complete),
            None if name == LOG => self.write_log(offset, part, complete),
            None => Err(format!("a record has no file {}", name.escape_debug())),
        }
    }

    fn write_log(
        &mut self,
        offset: u64,
        part: &[u8],
        complete: Option<&Parcel>,
    ) -> Result<(), String> {
        let path = self.directory.join(LOG);
        let failed = |error: io::Error| format!("could not write {}: {error}", path.display());
        if offset > self.log_bytes {
            return Err("a part of the log is missing".to_owned());
        }
        let log = match &mut self.log {
            Some(log) => log,
            none => {
                let mut options = OpenOptions::new();
                let opened = options.write(true).create(true).truncate(true).open(&path);
                none.insert(opened.map_err(failed)?)
            }
        };
        log.write_all_at(part, offset).map_err(failed)?;
        self.log_bytes = self.log_bytes.max(offset + part.len() as u64);
        match complete {
            Some(expected) if parcel_of_file(&path).map_err(failed)? != *expected => {
                Err("the log has changed on its way".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn write_document(
        &mut self,
        name: &'static str,
        offset: u64,
        part: &[u8],
        complete: Option<&Parcel>,
    ) -> Result<(), String> {
        if let (Some((last, whole)), Some(expected)) = (&self.last, complete)
            && *last == name
            && whole == expected
        {
            return Ok(());
        }
        if offset == 0 {
            self.document = (name, Vec::new());
        }
        let (of, bytes) = &mut self.document;
        let known = bytes.len() as u64;
        if *of != name || offset > known {
            return Err(format!("a part of {name} is missing"));
        }
        if offset + part.len() as u64 > DOCUMENT_BYTES_MAX {
            return Err(format!("{name} is too large"));
        }
        // Within the vector, as the offset is at most its length.
        bytes.truncate(usize::try_from(offset).unwrap_or_default());
        bytes.extend_from_slice(part);
        let Some(expected) = complete else {
            return Ok(());
        };
        if parcel_of(bytes) != *expected {
            return Err(format!("{name} has changed on its way"));
        }
        // Without a sync, as the generator's own checkpoints: those of a thousand agents would wait for the disk.
        let path = self.directory.join(name);
        let partial = self.directory.join(format!(".{name}.part"));
        std::fs::write(&partial, &*bytes)
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|error| format!("could not write {}: {error}", path.display()))?;
        self.document = ("", Vec::new());
        self.last = Some((name, expected.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, RecordStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = RecordStore::create(&directory.path().join("generators/1")).unwrap();
        (directory, store)
    }

    #[test]
    fn parts_become_files_even_if_they_come_twice() {
        let (directory, mut store) = store();
        let file = |name: &str| directory.path().join("generators/1").join(name);
        for (offset, part) in [(0, "ab"), (2, "cd"), (2, "cd"), (4, "e")] {
            store.write(LOG, offset, part.as_bytes(), None).unwrap();
        }
        store
            .write(LOG, 5, b"", Some(&parcel_of(b"abcde")))
            .unwrap();
        assert_eq!(std::fs::read(file(LOG)).unwrap(), b"abcde");
        for text in ["{\"a\": 1}", "{\"a\": 22}"] {
            let (one, other) = text.as_bytes().split_at(4);
            store.write("counts.json", 0, one, None).unwrap();
            store.write("counts.json", 0, one, None).unwrap();
            let whole = parcel_of(text.as_bytes());
            for _ in 0..2 {
                store.write("counts.json", 4, other, Some(&whole)).unwrap();
            }
            assert_eq!(std::fs::read(file("counts.json")).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn gaps_changes_and_foreign_names_are_refused() {
        let (directory, mut store) = store();
        for name in ["../../etc/passwd", "manifest.json", "", "report.html"] {
            assert!(store.write(name, 0, b"x", None).is_err(), "{name}");
        }
        assert!(store.write(LOG, 1, b"x", None).is_err());
        assert!(store.write("counts.json", 1, b"x", None).is_err());
        let other = parcel_of(b"other");
        store.write(LOG, 0, b"x", None).unwrap();
        assert!(store.write(LOG, 1, b"", Some(&other)).is_err());
        let refused = store.write("counts.json", 0, b"{}", Some(&other));
        assert!(refused.unwrap_err().contains("changed"));
        assert!(!directory.path().join("generators/1/counts.json").exists());
        store.write("timeline.json", 0, b"{}", None).unwrap();
        assert!(store.write("counts.json", 2, b"x", None).is_err());
        let refused = store.write("timeline.json", 2, &vec![0; 64 << 20], None);
        assert!(refused.unwrap_err().contains("too large"));
    }
}
