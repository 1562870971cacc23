//! Write statistics of a store.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the batch-size buckets. A further bucket counts larger batches.
pub const BATCH_SIZE_BOUNDS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Write statistics since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Writes started, regardless of their outcome.
    pub writes: u64,
    /// Committed transactions, each with one disk sync.
    pub commits: u64,
    /// Writes in the queue now.
    pub queued: u64,
    /// Number of batches by size, with bounds [`BATCH_SIZE_BOUNDS`]. Not cumulative; the last counts larger
    /// batches.
    pub batch_sizes: [u64; BATCH_SIZE_BOUNDS.len() + 1],
}

impl WriteStats {
    /// Adds those of another database.
    #[must_use]
    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.writes += other.writes;
        self.commits += other.commits;
        self.queued += other.queued;
        for (size, more) in self.batch_sizes.iter_mut().zip(other.batch_sizes) {
            *size += more;
        }
        self
    }
}

/// The counters behind [`WriteStats`].
#[derive(Debug, Default)]
pub(crate) struct WriteCounters {
    writes: AtomicU64,
    commits: AtomicU64,
    batch_sizes: [AtomicU64; BATCH_SIZE_BOUNDS.len() + 1],
}

impl WriteCounters {
    /// Counts a started batch.
    pub(crate) fn batch(&self, writes: u64) {
        let bucket = BATCH_SIZE_BOUNDS.partition_point(|bound| *bound < writes);
        self.batch_sizes[bucket].fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    /// Counts a committed transaction.
    pub(crate) fn commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the statistics, given the length of the queue.
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
    fn bounds_are_inclusive() {
        let counters = WriteCounters::default();
        for size in [1, 2, 3, 4, 256, 257] {
            counters.batch(size);
        }
        let stats = counters.snapshot(0);
        assert_eq!(stats.batch_sizes, [1, 1, 2, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(stats.writes, 523);
    }
}
