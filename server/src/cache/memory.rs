//! Cache in the memory of one process: for a single box, for tests, and as the reference of the contract.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Cache, CacheError, ttl_ms};

/// Overhead of an entry, in bytes.
const ENTRY_BYTES: usize = 128;

/// In-memory cache with a maximum size. Evicts the oldest entries first.
#[derive(Debug)]
pub struct MemoryCache {
    entries: Mutex<Entries>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Entries {
    map: HashMap<Bytes, Entry>,
    /// Keys in the order in which they were set, with the number of the write. A key that was set again
    /// or deleted leaves a stale element behind, which is skipped later.
    order: VecDeque<(Bytes, u64)>,
    writes: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    expires: Instant,
    write: u64,
}

impl MemoryCache {
    /// Creates an empty cache of at most `bytes_max` bytes, including keys and overhead.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            entries: Mutex::default(),
            bytes_max,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryCache {
    /// Creates a cache of 64 MiB.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

impl Entries {
    fn get(&self, key: &[u8]) -> Option<&Bytes> {
        let entry = self.map.get(key)?;
        (entry.expires > Instant::now()).then_some(&entry.value)
    }

    fn set(&mut self, key: &[u8], value: Bytes, ttl: Duration, bytes_max: usize) {
        self.remove(key);
        self.writes += 1;
        let key = Bytes::copy_from_slice(key);
        self.bytes += size(&key, &value);
        self.order.push_back((key.clone(), self.writes));
        let entry = Entry {
            value,
            expires: Instant::now() + Duration::from_millis(ttl_ms(ttl)),
            write: self.writes,
        };
        self.map.insert(key, entry);
        // Stale elements are removed here too, to bound their number.
        while self.bytes > bytes_max || self.order.len() > 2 * self.map.len() + 16 {
            let Some((key, write)) = self.order.pop_front() else {
                return;
            };
            if self.map.get(&key).is_none_or(|entry| entry.write != write) {
                continue;
            }
            let expired = self
                .map
                .get(&key)
                .is_some_and(|entry| entry.expires <= Instant::now());
            if self.bytes > bytes_max || expired {
                self.remove(&key);
            } else {
                self.order.push_back((key, write));
            }
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.map.remove_entry(key) {
            self.bytes -= size(&key, &entry.value);
        }
    }
}

fn size(key: &Bytes, value: &Bytes) -> usize {
    2 * key.len() + value.len() + ENTRY_BYTES
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError> {
        Ok(self.entries().get(key).cloned())
    }

    async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError> {
        let entries = self.entries();
        Ok(keys.iter().map(|key| entries.get(key).cloned()).collect())
    }

    async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        self.entries().set(key, value, ttl, self.bytes_max);
        Ok(())
    }

    async fn set_many(&self, pairs: &[(Bytes, Bytes)], ttl: Duration) -> Result<(), CacheError> {
        let mut entries = self.entries();
        for (key, value) in pairs {
            entries.set(key, value.clone(), ttl, self.bytes_max);
        }
        Ok(())
    }

    async fn set_if_absent(
        &self,
        key: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        let mut entries = self.entries();
        let absent = entries.get(key).is_none();
        if absent {
            entries.set(key, value, ttl, self.bytes_max);
        }
        Ok(absent)
    }

    async fn replace(
        &self,
        key: &[u8],
        expected: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        let mut entries = self.entries();
        let matches = entries.get(key).is_some_and(|found| found == expected);
        if matches {
            entries.set(key, value, ttl, self.bytes_max);
        }
        Ok(matches)
    }

    async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError> {
        let mut entries = self.entries();
        for key in keys {
            entries.remove(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cache::contract;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn satisfies_contract() {
        contract::is_kept(Arc::new(MemoryCache::default())).await;
    }

    #[tokio::test]
    async fn evicts_oldest_entries_above_maximum() {
        let cache = MemoryCache::new(100_000);
        for number in 0..1_000_u32 {
            let key = number.to_be_bytes();
            cache.set(&key, vec![7; 1_000].into(), LONG).await.unwrap();
        }
        let entries = cache.entries();
        assert!(entries.bytes <= 100_000, "{}", entries.bytes);
        let held: usize = entries
            .map
            .iter()
            .map(|(key, entry)| size(key, &entry.value))
            .sum();
        assert_eq!(held, entries.bytes);
        assert!(entries.get(&999_u32.to_be_bytes()).is_some());
        assert!(entries.get(&800_u32.to_be_bytes()).is_none());
    }

    #[tokio::test]
    async fn rewriting_key_takes_no_space() {
        let cache = MemoryCache::new(1 << 20);
        for number in 0..10_000_u32 {
            let value = Bytes::copy_from_slice(&number.to_be_bytes());
            cache.set(b"key", value, LONG).await.unwrap();
            cache
                .delete_many(&[Bytes::from_static(b"other")])
                .await
                .unwrap();
        }
        let entries = cache.entries();
        assert!(entries.order.len() < 100, "{}", entries.order.len());
        assert_eq!(entries.map.len(), 1);
    }

    #[tokio::test]
    async fn oversized_value_is_not_cached() {
        let cache = MemoryCache::new(1_000);
        cache
            .set(b"key", vec![7; 2_000].into(), LONG)
            .await
            .unwrap();
        assert_eq!(cache.get(b"key").await, Ok(None));
    }
}
