//! Bytes sent and received by a run.

use std::sync::atomic::{AtomicU64, Ordering};

use tenfold_run_dir::counts::Traffic as Counted;

/// Bytes written to and read from all connections of a run.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl Traffic {
    /// Counts bytes written.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes read.
    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Resets the counts.
    pub(crate) fn reset(&self) {
        self.sent_bytes.store(0, Ordering::Relaxed);
        self.received_bytes.store(0, Ordering::Relaxed);
    }

    /// The counts so far.
    pub(crate) fn counted(&self) -> Counted {
        Counted {
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
        }
    }
}
