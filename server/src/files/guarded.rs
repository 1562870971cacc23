//! File store in another process, whose calls are guarded.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{FileKey, Files, FilesError};
use crate::limits::{Guard, GuardedError};

/// Maximum number of calls at once. Each may hold a photo of 5 MB.
const CALLS_MAX: usize = 64;

/// File store whose calls are guarded. Every call may be repeated.
#[derive(Debug)]
pub(super) struct GuardedFiles {
    inner: Arc<dyn Files>,
    guard: Guard,
}

impl GuardedFiles {
    /// Wraps a file store. Without limits, failed calls are repeated without a budget, and calls never refused.
    pub(super) fn new(inner: Arc<dyn Files>, is_limited: bool) -> Self {
        let guard = match is_limited {
            true => Guard::new("file store", CALLS_MAX),
            false => Guard::with_limits("file store", CALLS_MAX, false),
        };
        Self { inner, guard }
    }
}

impl GuardedError for FilesError {
    fn is_outage(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Unavailable(_))
    }

    fn refused(reason: &'static str) -> Self {
        Self::Unavailable(reason)
    }
}

#[async_trait]
impl Files for GuardedFiles {
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError> {
        let put = || self.inner.put(key, content.clone());
        self.guard.call(put).await
    }

    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError> {
        self.guard.call(|| self.inner.get(key)).await
    }

    async fn exists(&self, key: &FileKey) -> Result<bool, FilesError> {
        self.guard.call(|| self.inner.exists(key)).await
    }

    async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        self.guard.call(|| self.inner.delete(key)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{LocalFiles, contract};

    #[tokio::test]
    async fn keeps_contract() {
        let folder = tempfile::tempdir().unwrap();
        let inner = Arc::new(LocalFiles::open(folder.path()).unwrap());
        for is_limited in [true, false] {
            let guarded = GuardedFiles::new(inner.clone(), is_limited);
            contract::holds(Arc::new(guarded)).await;
        }
    }
}
