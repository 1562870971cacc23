//! Lag of a replica, or of several behind one address.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Store;

/// Number of measurements of which the worst counts: each may reach another replica behind a balancer.
const MEASUREMENTS: usize = 8;

/// State of a replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaStats {
    /// Maximum lag. `None` if unknown, for example if the replica is dead.
    pub lag: Option<Duration>,
    /// True if the replica serves reads.
    pub in_use: bool,
    /// Reads served.
    pub reads: u64,
    /// Reads that failed or timed out.
    pub errors: u64,
}

/// Replica.
pub(super) struct Replica {
    store: Arc<dyn Store>,
    measurements: Mutex<Measurements>,
    reads: AtomicU64,
    errors: AtomicU64,
}

#[derive(Debug, Default)]
struct Measurements {
    /// Ages of the shown heartbeats.
    lags: VecDeque<Duration>,
    /// Start of the last measurement, if it succeeded.
    last: Option<Instant>,
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replica").field(&self.store).finish()
    }
}

impl Replica {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            measurements: Mutex::default(),
            reads: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Records a measurement started at `started`, and the start of the heartbeat it found, if any.
    pub(super) fn measured(&self, started: Instant, shown: Option<Instant>) {
        let mut measurements = self.measurements();
        measurements.last = shown.map(|_| started);
        match shown {
            Some(shown) => {
                if measurements.lags.len() == MEASUREMENTS {
                    measurements.lags.pop_front();
                }
                let lag = started.saturating_duration_since(shown);
                measurements.lags.push_back(lag);
            }
            None => measurements.lags.clear(),
        }
    }

    /// Returns the time up to which the replica is known to show all writes.
    pub(super) fn shows(&self, now: Instant) -> Option<Instant> {
        let measurements = self.measurements();
        let worst = *measurements.lags.iter().max()?;
        measurements.last?.min(now).checked_sub(worst)
    }

    pub(super) fn succeeded(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a failed read. The replica is not used until the next measurement.
    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut measurements = self.measurements();
        measurements.last = None;
        measurements.lags.clear();
    }

    pub(super) fn stats(&self, lag_max: Duration) -> ReplicaStats {
        let now = Instant::now();
        let lag = self.shows(now).map(|shows| now.duration_since(shows));
        ReplicaStats {
            lag,
            in_use: lag.is_some_and(|lag| lag <= lag_max),
            reads: self.reads.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }

    fn measurements(&self) -> MutexGuard<'_, Measurements> {
        self.measurements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn worst_recent_measurement_counts() {
        let replica = Replica::new(Arc::new(MemoryStore::default()));
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(replica.shows(at(0)), None);
        replica.measured(at(1_000), Some(at(900)));
        assert_eq!(replica.shows(at(5_000)), Some(at(900)));
        // Another replica behind the same address lags more.
        replica.measured(at(1_100), Some(at(100)));
        assert_eq!(replica.shows(at(1_100)), Some(at(100)));
        for number in 0..MEASUREMENTS as u64 {
            assert_eq!(replica.shows(at(9_000)), Some(at(100 + 100 * number)));
            replica.measured(at(1_200 + 100 * number), Some(at(1_100 + 100 * number)));
        }
        assert_eq!(replica.shows(at(9_000)), Some(at(1_800)));
        replica.measured(at(3_000), None);
        assert_eq!(replica.shows(at(9_000)), None);
        replica.measured(at(3_100), Some(at(3_000)));
        assert!(replica.shows(at(9_000)).is_some());
        replica.failed();
        assert_eq!(replica.shows(at(9_000)), None);
    }
}
