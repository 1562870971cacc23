//! How long answers waited for the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many answers waited for the store, and how long altogether.
#[derive(Debug, Default)]
pub(crate) struct StoreWaits {
    answers: AtomicU64,
    ns: AtomicU64,
}

impl StoreWaits {
    /// Adds what one answer waited.
    pub(crate) fn add(&self, wait: Duration) {
        let ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.ns.fetch_add(ns, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many waited, and how long altogether.
    pub(crate) fn total(&self) -> (u64, Duration) {
        let answers = self.answers.load(Ordering::Relaxed);
        (
            answers,
            Duration::from_nanos(self.ns.load(Ordering::Relaxed)),
        )
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
