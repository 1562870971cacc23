//! Calls of one shard by this process, and the author and the bucket that most of them are for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::hottest::Hottest;
use crate::model::UserId;

/// Calls of one shard by this process.
#[derive(Debug)]
pub(super) struct Calls {
    count: AtomicU64,
    failed: AtomicU64,
    busy_ns: AtomicU64,
    authors: Mutex<Hottest<UserId>>,
    buckets: Mutex<Hottest<Bucket>>,
}

/// Calls of one shard by this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShardCalls {
    /// Calls that ended.
    pub count: u64,
    /// Those that failed because the shard did not answer.
    pub failed: u64,
    /// Sum of the times that calls took.
    pub time: Duration,
    /// Author that most calls of the last seconds were for, of those that name one, and their share of these.
    pub hottest_author: Option<(UserId, f64)>,
    /// Bucket that most calls of the last seconds were for, and their share of all.
    pub hottest_bucket: Option<(Bucket, f64)>,
}

impl Default for Calls {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            count: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            authors: Mutex::new(Hottest::new(now)),
            buckets: Mutex::new(Hottest::new(now)),
        }
    }
}

impl Calls {
    /// Counts a call that took so long.
    pub(super) fn ended(&self, took: Duration, is_failed: bool) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.failed
            .fetch_add(u64::from(is_failed), Ordering::Relaxed);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.busy_ns.fetch_add(took_ns, Ordering::Relaxed);
    }

    /// Notes that a call is for an author.
    pub(super) fn for_author(&self, author: UserId) {
        // A call that has to wait for another one is not counted.
        if let Ok(mut authors) = self.authors.try_lock() {
            authors.observe(author, Instant::now());
        }
    }

    /// Notes that a call is for a bucket.
    pub(super) fn for_bucket(&self, bucket: Bucket) {
        if let Ok(mut buckets) = self.buckets.try_lock() {
            buckets.observe(bucket, Instant::now());
        }
    }

    /// Returns the counts.
    pub(super) fn snapshot(&self) -> ShardCalls {
        let now = Instant::now();
        let mut authors = self.authors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        ShardCalls {
            count: self.count.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
            hottest_author: authors.top(now),
            hottest_bucket: buckets.top(now),
        }
    }
}
