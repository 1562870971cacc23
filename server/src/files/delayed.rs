//! File store whose calls can be delayed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{FileKey, Files, FilesError};
use crate::delays::{self, Component, Delays, Hold, WAIT_MIN};

/// File store whose calls can be delayed. The number of calls at a time has no limit, so a delayed one holds nothing.
#[derive(Debug)]
pub(crate) struct DelayedFiles {
    inner: Arc<dyn Files>,
    delays: Arc<Delays>,
}

impl DelayedFiles {
    /// Wraps a file store.
    pub(crate) fn new(inner: Arc<dyn Files>, delays: &Arc<Delays>) -> Self {
        Self {
            inner,
            delays: Arc::clone(delays),
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, FilesError>>,
    ) -> Result<T, FilesError> {
        let wait = async |time| Ok(delays::wait(time).await);
        let delayed = self
            .delays
            .delayed(Component::Files, Hold::Before(WAIT_MIN), wait, call);
        delayed.await
    }
}

#[async_trait]
impl Files for DelayedFiles {
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError> {
        self.call(self.inner.put(key, content)).await
    }

    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError> {
        self.call(self.inner.get(key)).await
    }

    async fn exists(&self, key: &FileKey) -> Result<bool, FilesError> {
        self.call(self.inner.exists(key)).await
    }

    async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        self.call(self.inner.delete(key)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::files::{LocalFiles, contract};

    #[tokio::test]
    async fn keeps_contract() {
        let folder = tempfile::tempdir().unwrap();
        let delays = Arc::new(Delays::default());
        delays.start(
            Component::Files,
            Duration::from_micros(200),
            Duration::from_mins(1),
        );
        let inner = Arc::new(LocalFiles::open(folder.path()).unwrap());
        contract::holds(Arc::new(DelayedFiles::new(inner, &delays))).await;
        assert!(delays.calls(Component::Files).count > 5);
    }
}
