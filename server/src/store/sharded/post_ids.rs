//! Identifiers of new posts: a time, and the bucket in the lowest bits.
//!
//! `identifier = ticks * BUCKETS + bucket`, with ticks of 250 µs since 2025. Until 2094 an identifier fits the 53
//! bits that JavaScript reads without loss. The shard raises a proposed identifier above all others of the bucket, so
//! identifiers are unique, and those of one author always ascend. Between shards, the order is as exact as the
//! clocks of the processes.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use super::bucket::{BUCKETS, Bucket, SEQUENTIAL_IDS};
use crate::model::{PostId, Timestamp};

/// Start of the ticks: 2025-01-01T00:00:00Z.
const ORIGIN_MS: i64 = 1_735_689_600_000;
/// Ticks in a millisecond.
const TICKS_PER_MS: i64 = 4;
/// Smallest tick whose identifiers contain a bucket.
const TICK_MIN: i64 = SEQUENTIAL_IDS.0 / BUCKETS as i64;

/// Source of identifiers that ascend within the process.
#[derive(Debug, Default)]
pub(super) struct PostIds {
    newest_tick: AtomicI64,
}

impl PostIds {
    /// Proposes an identifier, higher than all that were proposed or observed before.
    pub(super) fn propose(&self, bucket: Bucket, now: SystemTime) -> PostId {
        let ms = Timestamp::from(now).0.saturating_sub(ORIGIN_MS);
        let now = ms.saturating_mul(TICKS_PER_MS).max(TICK_MIN);
        let next = |newest: i64| Some(now.max(newest + 1));
        let newest = self
            .newest_tick
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .unwrap_or(now);
        PostId(now.max(newest + 1) * i64::from(BUCKETS) + i64::from(bucket.number()))
    }

    /// Observes an identifier that a shard has chosen.
    pub(super) fn observe(&self, post: PostId) {
        self.newest_tick
            .fetch_max(post.0 / i64::from(BUCKETS), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn identifiers_ascend_and_contain_their_bucket(
            steps in prop::collection::vec((0_u64..4_000_000_000_000, 0_u16..BUCKETS), 1..50),
        ) {
            let ids = PostIds::default();
            let mut last = SEQUENTIAL_IDS;
            for (ms, number) in steps {
                let bucket = Bucket::new(number).unwrap();
                let id = ids.propose(bucket, SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
                prop_assert!(id > last || last == SEQUENTIAL_IDS && id >= last);
                prop_assert_eq!(Bucket::of_post(id), Some(bucket));
                last = id;
            }
        }
    }

    #[test]
    fn identifiers_of_this_century_fit_a_double() {
        let ids = PostIds::default();
        // 2094-01-01T00:00:00Z
        let late = SystemTime::UNIX_EPOCH + Duration::from_secs(3_913_056_000);
        assert!(ids.propose(Bucket::new(1_023).unwrap(), late).0 < 1 << 53);
    }

    #[test]
    fn observed_identifiers_are_exceeded() {
        let ids = PostIds::default();
        let bucket = Bucket::new(7).unwrap();
        let now = SystemTime::now();
        let ahead = PostId(ids.propose(bucket, now + Duration::from_secs(9)).0);
        let others = PostIds::default();
        others.observe(ahead);
        assert!(others.propose(Bucket::new(0).unwrap(), now) > ahead);
    }
}
