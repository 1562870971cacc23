//! What several processes remember together for a while, behind one trait: memory, or Redis.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(test)]
pub(crate) mod contract;
mod guarded;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod resolver;

#[cfg(all(test, feature = "redis", feature = "mysql"))]
pub(crate) use self::redis::test_server::RedisServer;
pub use guarded::GuardedCache;
#[cfg(test)]
pub(crate) use guarded::tests::CutOff;
pub use memory::MemoryCache;
pub use resolver::resolve;

/// A cache of bytes under keys of bytes, each with a time to live.
///
/// It may forget anything at any moment. What it does not forget, it gives back as it was set last:
/// each call takes effect at one moment between its beginning and its end, whichever process makes
/// it. After an error a call may or may not have taken effect.
///
/// A time to live is rounded up to the millisecond; zero is one millisecond.
#[async_trait]
pub trait Cache: Send + Sync + fmt::Debug + 'static {
    /// Reads a value.
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError>;

    /// Reads the values of several keys, in their order. They need not be of one moment.
    async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError>;

    /// Sets a value, in place of the one that was there.
    async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError>;

    /// Sets several values, which live equally long.
    async fn set_many(&self, pairs: &[(Bytes, Bytes)], ttl: Duration) -> Result<(), CacheError>;

    /// Sets a value where there is none, and says whether it did. What a lease is taken with.
    async fn set_if_absent(
        &self,
        key: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError>;

    /// Sets a value in place of `expected`, and says whether that was what was there. What a lease is
    /// honoured with: a value goes where the lease still is.
    async fn replace(
        &self,
        key: &[u8],
        expected: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError>;

    /// Deletes the values of several keys. Deleting what is not there is no error.
    async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError>;
}

/// Why a cache did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The cache can't be used as it was named.
    #[error("{0}")]
    Invalid(String),
    /// The cache does not answer, or not in time.
    #[error("the cache is unavailable: {0}")]
    Unavailable(String),
    /// The cache has not answered lately and is not asked at the moment.
    #[error("the cache has not answered lately")]
    Resting,
    /// The cache refused.
    #[error("the cache refused: {0}")]
    Refused(String),
}

/// A time to live in the milliseconds that a cache keeps.
fn ttl_ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_rounded_up() {
        assert_eq!(ttl_ms(Duration::ZERO), 1);
        assert_eq!(ttl_ms(Duration::from_micros(1_001)), 2);
        assert_eq!(ttl_ms(Duration::MAX), 1 << 40);
    }
}
