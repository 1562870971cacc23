//! File store in a local folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::{FileKey, Files, FilesError};
use crate::ledger::{self, Part};

/// Prefix of files being written. No key begins with a dot.
const TEMPORARY: &str = ".writing-";

/// Folder of files.
#[derive(Debug)]
pub struct LocalFiles {
    root: Arc<Path>,
    temporary: AtomicU64,
}

impl LocalFiles {
    /// Opens a folder, creating it if it is missing, and deletes partially written files of an earlier
    /// process. Only one process may use a folder at a time.
    ///
    /// # Errors
    /// [`FilesError::Folder`] if the folder cannot be created or read.
    pub fn open(root: &Path) -> Result<Self, FilesError> {
        let failed = |source| FilesError::Folder {
            path: root.to_owned(),
            source,
        };
        fs::create_dir_all(root).map_err(failed)?;
        for entry in fs::read_dir(root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self {
            root: root.into(),
            temporary: AtomicU64::new(0),
        })
    }

    fn path(&self, key: &FileKey) -> PathBuf {
        self.root.join(key.as_str())
    }
}

#[async_trait]
impl Files for LocalFiles {
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.root.join(format!("{TEMPORARY}{number}"));
        let (root, target) = (self.root.clone(), self.path(key));
        blocking("write", key, move || {
            let written = write(&root, &temporary, &target, &content);
            if written.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            written
        })
        .await
    }

    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError> {
        let path = self.path(key);
        blocking("read", key, move || fs::read(path).map(Bytes::from)).await
    }

    async fn exists(&self, key: &FileKey) -> Result<bool, FilesError> {
        let path = self.path(key);
        blocking("look for", key, move || path.try_exists()).await
    }

    async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        let path = self.path(key);
        blocking("delete", key, move || match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }
}

/// Writes to a temporary file, syncs, renames, and syncs the folders. After a power failure the file is
/// whole or absent.
fn write(root: &Path, temporary: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    let folder = target.parent().unwrap_or(root);
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        for above in folder.ancestors().skip(1) {
            File::open(above)?.sync_all()?;
            if above == root {
                break;
            }
        }
    }
    fs::rename(temporary, target)?;
    File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    action: &'static str,
    key: &FileKey,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, FilesError> {
    let timed = move || {
        let _span = ledger::enter(Part::Files);
        work()
    };
    let done = ledger::blocking(timed).await;
    let result = done.unwrap_or_else(|_| Err(io::Error::other("the task was cancelled")));
    result.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => FilesError::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FilesError::Full,
        _ => FilesError::Io {
            action,
            key: key.as_str().to_owned(),
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn satisfies_contract() {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalFiles::open(folder.path()).unwrap();
        crate::files::contract::holds(Arc::new(files)).await;
    }

    #[tokio::test]
    async fn open_deletes_partial_files() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("{TEMPORARY}7"));
        fs::write(&left, "half").unwrap();
        let _ = LocalFiles::open(folder.path()).unwrap();
        assert!(!left.exists());
    }
}
