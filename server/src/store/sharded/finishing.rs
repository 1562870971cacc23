//! Attempts of a process to finish moves whose movers may have died.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bucket::Bucket;
use super::resharding::patience;

/// Moves that a process finishes at a time.
const RUNNING_MAX: usize = 8;

/// Attempts by bucket. A bucket whose mover lives and is slow must get time of its own, and delay no other.
#[derive(Debug, Default)]
pub(super) struct Finishing {
    buckets: Mutex<BTreeMap<Bucket, Attempts>>,
}

/// Attempts at one bucket.
#[derive(Debug)]
struct Attempts {
    is_running: bool,
    /// Failed ones in a row.
    failed: u32,
    /// Time from which the next one may begin.
    next: Instant,
}

impl Finishing {
    /// Returns whether an attempt may begin. [`Finishing::end`] must follow then.
    pub(super) fn begin(&self, bucket: Bucket) -> bool {
        let mut buckets = self.buckets();
        let running = buckets.values().filter(|own| own.is_running).count();
        let now = Instant::now();
        let own = buckets.entry(bucket).or_insert(Attempts {
            is_running: false,
            failed: 0,
            next: now,
        });
        let may_begin = !own.is_running && own.next <= now && running < RUNNING_MAX;
        own.is_running |= may_begin;
        may_begin
    }

    /// Ends an attempt. After a failed one, the next has to wait.
    pub(super) fn end(&self, bucket: Bucket, is_finished: bool) {
        let mut buckets = self.buckets();
        if is_finished {
            buckets.remove(&bucket);
        } else if let Some(own) = buckets.get_mut(&bucket) {
            own.is_running = false;
            own.next = Instant::now() + patience(own.failed);
            own.failed = own.failed.saturating_add(1);
        }
    }

    fn buckets(&self) -> MutexGuard<'_, BTreeMap<Bucket, Attempts>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_attempt_delays_its_own_bucket_only() {
        let finishing = Finishing::default();
        let [one, other] = [1, 2].map(|number| Bucket::new(number).unwrap());
        assert!(finishing.begin(one));
        assert!(!finishing.begin(one));
        finishing.end(one, false);
        assert!(!finishing.begin(one));
        assert!(finishing.begin(other));
        finishing.end(other, true);
        assert!(finishing.begin(other));
    }

    #[test]
    fn bounded_number_of_moves_is_finished_at_a_time() {
        let finishing = Finishing::default();
        let began = Bucket::all().filter(|bucket| finishing.begin(*bucket));
        assert_eq!(began.count(), RUNNING_MAX);
    }
}
