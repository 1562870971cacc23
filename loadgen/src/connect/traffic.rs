//! The bytes that a run writes and reads.

use std::sync::atomic::{AtomicU64, Ordering};

use tenfold_run_dir::counts::Traffic as Counted;

/// The bytes that were written to all connections of a run and read from them.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl Traffic {
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Forgets what has been counted so far.
    pub(crate) fn begin(&self) {
        self.sent_bytes.store(0, Ordering::Relaxed);
        self.received_bytes.store(0, Ordering::Relaxed);
    }

    /// What has been counted.
    pub(crate) fn counted(&self) -> Counted {
        Counted {
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
        }
    }
}
