//! Time that requests wait for the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Number of requests that waited for the store, and their total wait.
#[derive(Debug, Default)]
pub(crate) struct StoreWaits {
    count: AtomicU64,
    ns: AtomicU64,
}

impl StoreWaits {
    /// Adds the wait of one request.
    pub(crate) fn add(&self, wait: Duration) {
        let ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.ns.fetch_add(ns, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of waits and their sum.
    pub(crate) fn total(&self) -> (u64, Duration) {
        let count = self.count.load(Ordering::Relaxed);
        (count, Duration::from_nanos(self.ns.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_add_up() {
        let waits = StoreWaits::default();
        waits.add(Duration::from_millis(2));
        waits.add(Duration::from_millis(3));
        assert_eq!(waits.total(), (2, Duration::from_millis(5)));
    }
}
