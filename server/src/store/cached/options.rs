//! Options of a cache in front of a store.

use std::str::FromStr;
use std::time::Duration;

/// Kinds of values to cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheContent {
    /// Single records by identifier: posts, users, photos, sessions.
    Objects,
    /// Query results: the first pages of a user's posts and of a feed.
    Queries,
    /// Both.
    #[default]
    Both,
}

impl CacheContent {
    pub(super) fn objects(self) -> bool {
        self != Self::Queries
    }

    pub(super) fn queries(self) -> bool {
        self != Self::Objects
    }
}

/// Policy for updating the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdatePolicy {
    /// A read that misses fills the cache; a write invalidates it.
    #[default]
    CacheAside,
    /// Like cache-aside, but a write fills the cache with its result.
    WriteThrough,
    /// Like cache-aside, but an edit of a post is acknowledged before it is stored. It is lost if the process
    /// dies before the next flush.
    WriteBehind,
    /// Like cache-aside, but a value read shortly before it expires is reloaded in the background.
    RefreshAhead,
}

/// Options of a [`CachedStore`](super::CachedStore).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Kinds of values to cache.
    pub content: CacheContent,
    /// Policy for updating the cache.
    pub policy: UpdatePolicy,
    /// Lifetime of values in the local layer, and so the maximum staleness of another process's writes. Zero
    /// disables the layer.
    pub staleness: Duration,
    /// Maximum size of the local layer, in bytes. Zero disables it.
    pub memory_bytes: u64,
    /// Time to live of values in the shared cache. If an invalidation could not be delivered, other processes
    /// may read the old value for this long.
    pub shared_ttl: Duration,
    /// Time after a write during which a load may still read the old value. Must exceed the maximum replica lag.
    pub settling: Duration,
    /// Time to live of the fact that a record does not exist, in the shared cache.
    pub absent_ttl: Duration,
    /// Lifetime of a lease. After it, another process may load the value.
    pub lease: Duration,
    /// Maximum wait for another process's load before a read goes to the store.
    pub lease_wait: Duration,
    /// Maximum number of concurrent reads from the store. Twice as many may queue.
    pub loads_max: usize,
    /// Maximum time in the queue for reads from the store.
    pub load_wait: Duration,
    /// Interval between flushes of acknowledged edits.
    pub flush_interval: Duration,
    /// Maximum time to retry an edit while the store is unavailable.
    pub flush_patience: Duration,
    /// Maximum number of posts with queued edits. Further edits are stored before they are acknowledged.
    pub flush_posts_max: usize,
    /// Prefix of all keys in the shared cache. Must differ between databases.
    pub namespace: String,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            content: CacheContent::default(),
            policy: UpdatePolicy::default(),
            staleness: Duration::from_secs(1),
            memory_bytes: 64 << 20,
            shared_ttl: Duration::from_secs(30),
            settling: Duration::from_secs(2),
            absent_ttl: Duration::from_secs(1),
            lease: Duration::from_secs(2),
            lease_wait: Duration::from_millis(200),
            loads_max: 64,
            load_wait: Duration::from_secs(1),
            flush_interval: Duration::from_millis(200),
            flush_patience: Duration::from_secs(5),
            flush_posts_max: 1_024,
            namespace: "tenfold".to_owned(),
        }
    }
}

impl FromStr for CacheContent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "objects" => Ok(Self::Objects),
            "queries" => Ok(Self::Queries),
            "both" => Ok(Self::Both),
            _ => Err(format!(
                "`{text}` is not a kind of cached values; use objects, queries or both"
            )),
        }
    }
}

impl FromStr for UpdatePolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cache-aside" => Ok(Self::CacheAside),
            "write-through" => Ok(Self::WriteThrough),
            "write-behind" => Ok(Self::WriteBehind),
            "refresh-ahead" => Ok(Self::RefreshAhead),
            _ => Err(format!(
                "`{text}` is not a policy; use cache-aside, write-through, write-behind or \
                 refresh-ahead"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_policy_loses_no_writes() {
        assert_eq!(CacheOptions::default().policy, UpdatePolicy::CacheAside);
    }

    #[test]
    fn parses_names() {
        assert_eq!("both".parse(), Ok(CacheContent::Both));
        assert_eq!("write-through".parse(), Ok(UpdatePolicy::WriteThrough));
        assert!("everything".parse::<CacheContent>().is_err());
        assert!("write-back".parse::<UpdatePolicy>().is_err());
    }
}
