//! Cache whose calls can be delayed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Cache, CacheError};
use crate::delays::{self, Component, Delays, Hold, WAIT_MIN};

/// Cache whose calls can be delayed. Calls share connections, so a delayed one holds nothing.
#[derive(Debug)]
pub(crate) struct DelayedCache {
    inner: Arc<dyn Cache>,
    delays: Arc<Delays>,
}

impl DelayedCache {
    /// Wraps a cache.
    pub(crate) fn new(inner: Arc<dyn Cache>, delays: &Arc<Delays>) -> Self {
        Self {
            inner,
            delays: Arc::clone(delays),
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let wait = async |time| Ok(delays::wait(time).await);
        let delayed = self
            .delays
            .delayed(Component::Cache, Hold::Before(WAIT_MIN), wait, call);
        delayed.await
    }
}

#[async_trait]
impl Cache for DelayedCache {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError> {
        self.call(self.inner.get(key)).await
    }

    async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError> {
        self.call(self.inner.get_many(keys)).await
    }

    async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        self.call(self.inner.set(key, value, ttl)).await
    }

    async fn set_many(&self, pairs: &[(Bytes, Bytes)], ttl: Duration) -> Result<(), CacheError> {
        self.call(self.inner.set_many(pairs, ttl)).await
    }

    async fn set_if_absent(
        &self,
        key: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        self.call(self.inner.set_if_absent(key, value, ttl)).await
    }

    async fn replace(
        &self,
        key: &[u8],
        expected: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        self.call(self.inner.replace(key, expected, value, ttl))
            .await
    }

    async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError> {
        self.call(self.inner.delete_many(keys)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{MemoryCache, contract};

    #[tokio::test]
    async fn keeps_contract() {
        let delays = Arc::new(Delays::default());
        delays.start(
            Component::Cache,
            Duration::from_micros(200),
            Duration::from_mins(1),
        );
        let inner = Arc::new(MemoryCache::default());
        contract::is_kept(Arc::new(DelayedCache::new(inner, &delays))).await;
        assert!(delays.calls(Component::Cache).count > 10);
    }
}
