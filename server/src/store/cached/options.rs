//! How a cache in front of the store is run.

use std::str::FromStr;
use std::time::Duration;

/// What is cached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheContent {
    /// Single things by their number: posts, users, photos, sessions.
    Objects,
    /// The results of queries: the first page of a user's posts, and of a feed.
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

/// When the cache learns of what changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdatePolicy {
    /// A read that finds nothing fills the cache; a write deletes from it.
    #[default]
    CacheAside,
    /// As cache-aside, and a write puts what it made into the cache, so that the next read finds it.
    WriteThrough,
    /// As cache-aside, but that an edit of a post is answered before it is stored: it is lost where the
    /// process dies before the next flush.
    WriteBehind,
    /// As cache-aside, and what is read shortly before it expires is loaded anew in the background.
    RefreshAhead,
}

/// How a [`CachedStore`](super::CachedStore) is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// What is cached.
    pub content: CacheContent,
    /// When the cache learns of what changes.
    pub policy: UpdatePolicy,
    /// How long the in-process layer serves what it has read: what another process has changed since
    /// is served for so long at most. Zero does without that layer.
    pub staleness: Duration,
    /// The most that the in-process layer holds, in bytes. Zero does without it.
    pub memory_bytes: u64,
    /// How long the shared cache keeps a value. Where a process that changed something could not tell the
    /// shared cache, others may be served the old value for so long at most.
    pub shared_ttl: Duration,
    /// How long after a write a load may still meet what was before: longer than a replica that is read
    /// may be behind.
    pub settling: Duration,
    /// How long the shared cache remembers that something does not exist.
    pub absent_ttl: Duration,
    /// How long whoever loads a value for all others may take before another may.
    pub lease: Duration,
    /// How long a read waits for the value that another process loads before it asks the store itself.
    pub lease_wait: Duration,
    /// The most reads that ask the store at once; twice as many may wait for their turn.
    pub loads_max: usize,
    /// How long a read waits for its turn to ask the store.
    pub load_wait: Duration,
    /// How often edits that were answered before they were stored are stored.
    pub flush_interval: Duration,
    /// How long an edit is kept that the store does not take for the moment.
    pub flush_patience: Duration,
    /// The most posts with such edits; an edit beyond is stored before it is answered.
    pub flush_posts_max: usize,
    /// What all keys in the shared cache begin with. Two databases must not share one.
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
                "`{text}` is not cached; use objects, queries or both"
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
    fn what_loses_writes_is_not_the_default() {
        assert_eq!(CacheOptions::default().policy, UpdatePolicy::CacheAside);
    }

    #[test]
    fn names_are_read() {
        assert_eq!("both".parse(), Ok(CacheContent::Both));
        assert_eq!("write-through".parse(), Ok(UpdatePolicy::WriteThrough));
        assert!("everything".parse::<CacheContent>().is_err());
        assert!("write-back".parse::<UpdatePolicy>().is_err());
    }
}
