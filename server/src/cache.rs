//! Cache shared by several processes: a trait with backends for memory and Redis.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

mod circuit_breaker;
#[cfg(test)]
pub(crate) mod contract;
mod delayed;
mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod resolver;

#[cfg(all(test, feature = "redis", feature = "mysql"))]
pub(crate) use self::redis::test_server::RedisServer;
pub use circuit_breaker::CircuitBreaker;
#[cfg(test)]
pub(crate) use circuit_breaker::tests::CutOff;
pub(crate) use delayed::DelayedCache;
pub use memory::MemoryCache;
pub use resolver::resolve;

/// Cache of byte strings with a time to live.
///
/// An entry may be evicted at any time. Otherwise, a read returns the value set last: each call takes
/// effect at one moment between its start and its end, across processes. After an error, a call may or
/// may not have taken effect.
///
/// A time to live is rounded up to the millisecond; zero becomes one millisecond.
#[async_trait]
pub trait Cache: Send + Sync + fmt::Debug + 'static {
    /// Reads a value.
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError>;

    /// Reads the values of several keys, in order. They may stem from different moments.
    async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError>;

    /// Sets a value, replacing any previous one.
    async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError>;

    /// Sets several values with the same time to live.
    async fn set_many(&self, pairs: &[(Bytes, Bytes)], ttl: Duration) -> Result<(), CacheError>;

    /// Sets a value if the key is absent; returns true if it did. Acquires a lease.
    async fn set_if_absent(
        &self,
        key: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError>;

    /// Replaces a value if it equals `expected`; returns true if it did. Fills a key under a lease: only
    /// the lease's holder succeeds.
    async fn replace(
        &self,
        key: &[u8],
        expected: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError>;

    /// Deletes several keys. Absent keys are ignored.
    async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError>;
}

/// Failure of a cache call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The URL or a file it names is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The cache did not respond in time.
    #[error("the cache is unavailable: {0}")]
    Unavailable(String),
    /// The circuit breaker is open: recent calls failed, so the cache is not called.
    #[error("the cache did not respond recently")]
    CircuitOpen,
    /// The cache rejected the call.
    #[error("the cache rejected the call: {0}")]
    Rejected(String),
}

/// Converts a time to live to whole milliseconds.
fn ttl_ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttl_is_rounded_up() {
        assert_eq!(ttl_ms(Duration::ZERO), 1);
        assert_eq!(ttl_ms(Duration::from_micros(1_001)), 2);
        assert_eq!(ttl_ms(Duration::MAX), 1 << 40);
    }
}
