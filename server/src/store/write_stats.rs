//! Counters of what a store has written.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the batch-size buckets; one more bucket holds what is larger.
pub const BATCH_SIZE_BOUNDS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// What a store has written since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Writes that were taken up, whatever became of them.
    pub writes: u64,
    /// Transactions that were committed, each with one sync of the disk.
    pub commits: u64,
    /// Writes that wait at this moment.
    pub queued: u64,
    /// How many batches had at most so many writes, by [`BATCH_SIZE_BOUNDS`] (not cumulative);
    /// the last counts the larger ones.
    pub batch_sizes: [u64; BATCH_SIZE_BOUNDS.len() + 1],
}

/// The counters behind [`WriteStats`].
#[derive(Debug, Default)]
pub(crate) struct WriteCounters {
    writes: AtomicU64,
    commits: AtomicU64,
    batch_sizes: [AtomicU64; BATCH_SIZE_BOUNDS.len() + 1],
}

impl WriteCounters {
    /// Counts a batch that was taken up.
    pub(crate) fn batch(&self, writes: u64) {
        let bucket = BATCH_SIZE_BOUNDS.partition_point(|bound| *bound < writes);
        self.batch_sizes[bucket].fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    /// Counts a transaction that was committed.
    pub(crate) fn commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads the counters, with the present length of the queue.
    pub(crate) fn snapshot(&self, queued: u64) -> WriteStats {
        WriteStats {
            writes: self.writes.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            queued,
            batch_sizes: self
                .batch_sizes
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_fall_into_the_bucket_of_their_bound() {
        let counters = WriteCounters::default();
        for size in [1, 2, 3, 4, 256, 257] {
            counters.batch(size);
        }
        let stats = counters.snapshot(0);
        assert_eq!(stats.batch_sizes, [1, 1, 2, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(stats.writes, 523);
    }
}
