//! The record of a generator on its way to the controller, while the generator writes it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::message::{About, Parcel};
use crate::outbox::ReportError;
use crate::parcels::{parcel_of, parcel_of_file, read_part};
use crate::record_store::{DOCUMENTS, LOG};

/// Receiver of the parts of a record.
pub(crate) trait Recipient: Sync {
    /// Takes a part, and returns once it has arrived.
    fn take(
        &self,
        about: About,
        part: &[u8],
    ) -> impl Future<Output = Result<(), ReportError>> + Send;
}

/// Copies the files of a record. The generator's disk holds what the network can't take yet, so nothing waits in memory.
pub(crate) struct RecordCopy {
    directory: PathBuf,
    part_bytes: usize,
    /// Bytes of the log that were sent.
    log_bytes: u64,
    /// Digests of the documents that were sent.
    documents: HashMap<&'static str, Parcel>,
}

impl RecordCopy {
    /// Copies the record in a directory, in parts of at most this many bytes.
    pub(crate) fn new(directory: PathBuf, part_bytes: usize) -> Self {
        Self {
            directory,
            part_bytes: part_bytes.max(1),
            log_bytes: 0,
            documents: HashMap::new(),
        }
    }

    /// Sends the changes. With `is_final`, the generator has ended, and the digest of the whole log is sent as well.
    ///
    /// # Errors
    /// If a file can't be read, or a part does not arrive. The next call goes on from there.
    pub(crate) async fn send(
        &mut self,
        is_final: bool,
        to: &impl Recipient,
    ) -> Result<(), ReportError> {
        // The counts say how much of the log they match. They are read before it, so that it is longer.
        let mut changed: Vec<(&'static str, Vec<u8>, Parcel)> = Vec::new();
        for name in DOCUMENTS.into_iter().rev() {
            let bytes = match std::fs::read(self.directory.join(name)) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let parcel = parcel_of(&bytes);
            if self.documents.get(name) != Some(&parcel) {
                changed.push((name, bytes, parcel));
            }
        }
        self.send_log(is_final, to).await?;
        for (name, bytes, parcel) in changed.into_iter().rev() {
            let parts = bytes.chunks(self.part_bytes);
            let last = parts.len().saturating_sub(1);
            let mut offset = 0;
            for (index, part) in parts.enumerate() {
                let about = About::File {
                    name: name.to_owned(),
                    offset,
                    complete: (index == last).then(|| parcel.clone()),
                };
                to.take(about, part).await?;
                offset += part.len() as u64;
            }
            self.documents.insert(name, parcel);
        }
        Ok(())
    }

    async fn send_log(&mut self, is_final: bool, to: &impl Recipient) -> Result<(), ReportError> {
        let path = self.directory.join(LOG);
        let log = match File::open(&path) {
            Ok(log) => log,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let about = |offset, complete| About::File {
            name: LOG.to_owned(),
            offset,
            complete,
        };
        // A log that grows as quickly as it is sent must not hold the counts up.
        let until = log.metadata()?.len();
        while self.log_bytes < until {
            let part = read_part(&log, self.log_bytes, self.part_bytes)?;
            if part.is_empty() {
                break;
            }
            to.take(about(self.log_bytes, None), &part).await?;
            self.log_bytes += part.len() as u64;
        }
        if is_final {
            let whole = parcel_of_file(&path)?;
            to.take(about(self.log_bytes, Some(whole)), &[]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::record_store::RecordStore;

    /// Writes every part twice, and fails for the calls with these numbers.
    struct Twice {
        store: Mutex<RecordStore>,
        calls: Mutex<u32>,
        failing: &'static [u32],
    }

    impl Recipient for Twice {
        async fn take(&self, about: About, part: &[u8]) -> Result<(), ReportError> {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            if self.failing.contains(&calls) {
                return Err(ReportError::CutOff);
            }
            let About::File {
                name,
                offset,
                complete,
            } = about
            else {
                panic!("{about:?}");
            };
            for _ in 0..2 {
                let mut store = self.store.lock().unwrap();
                let written = store.write(&name, offset, part, complete.as_ref());
                written.map_err(ReportError::Refused)?;
            }
            Ok(())
        }
    }

    async fn copies(failing: &'static [u32]) {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        std::fs::create_dir(&from).unwrap();
        let recipient = Twice {
            store: Mutex::new(RecordStore::create(&to).unwrap()),
            calls: Mutex::new(0),
            failing,
        };
        let mut copy = RecordCopy::new(from.clone(), 3);
        let mut log = String::new();
        for round in 0..5 {
            log.push_str(&format!("interval {round}\n"));
            std::fs::write(from.join(LOG), &log).unwrap();
            std::fs::write(from.join("counts.json"), format!("{{\"n\": {round}}}")).unwrap();
            if round == 2 {
                std::fs::write(from.join("samples.json"), "[]").unwrap();
            }
            let mut done = copy.send(round == 4, &recipient).await;
            while round == 4 && done.is_err() {
                done = copy.send(true, &recipient).await;
            }
            assert!(done.is_ok() || !failing.is_empty(), "{done:?}");
        }
        for name in [LOG, "counts.json", "samples.json"] {
            let bytes = |folder: &PathBuf| std::fs::read(folder.join(name)).unwrap();
            assert_eq!(bytes(&from), bytes(&to), "{name}");
        }
        assert!(!to.join("timeline.json").exists());
    }

    #[tokio::test]
    async fn copy_equals_the_record() {
        copies(&[]).await;
    }

    #[tokio::test]
    async fn goes_on_after_failures() {
        copies(&[2, 6, 7, 12, 20, 23]).await;
    }
}
