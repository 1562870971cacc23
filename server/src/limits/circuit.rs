//! Circuit breaker: a component that fails is not called for a while.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Consecutive failures that open the circuit.
pub(crate) const FAILURES_MAX: u32 = 3;
/// Initial pause.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Maximum pause, and so the maximum time that a recovered component is unused.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Circuit breaker of a component.
///
/// After three consecutive failures the circuit is open: no call is admitted. After a pause (100 ms, doubling
/// up to 2 s) one call is a probe. If it succeeds, the circuit closes; otherwise the next pause begins. So a
/// dead component delays one call a pause and no others.
#[derive(Debug)]
pub(crate) struct Circuit {
    /// Name of the component, for the log.
    component: String,
    /// End of the pause, in nanoseconds since `origin`; 0 if the circuit is closed.
    open_until_ns: AtomicU64,
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    pause: Duration,
}

/// Admitted call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The circuit is closed.
    Usual,
    /// The call finds out whether the component works again.
    Probe,
}

impl Circuit {
    /// Creates a closed circuit.
    pub(crate) fn new(component: impl Into<String>) -> Self {
        Self {
            component: component.into(),
            open_until_ns: AtomicU64::new(0),
            origin: Instant::now(),
            state: Mutex::new(State {
                failures: 0,
                pause: PAUSE_MIN,
            }),
        }
    }

    /// Admits a call. `None` if the circuit is open.
    pub(crate) fn admit(&self) -> Option<Admission> {
        let until = self.open_until_ns.load(Ordering::Acquire);
        if until == 0 {
            return Some(Admission::Usual);
        }
        let now = self.now_ns();
        if now < until {
            return None;
        }
        // Other calls wait for another pause. If this probe is cancelled, the next follows after it.
        let next = now.saturating_add(ns(self.state().pause)).max(1);
        self.open_until_ns
            .compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| Admission::Probe)
            .ok()
    }

    /// Returns true if calls are admitted as usual.
    pub(crate) fn is_closed(&self) -> bool {
        self.open_until_ns.load(Ordering::Relaxed) == 0
    }

    /// Returns true if no call is admitted now.
    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        self.open_until_ns.load(Ordering::Acquire) > self.now_ns()
    }

    /// Notes that a call succeeded.
    pub(crate) fn succeeded(&self) {
        // Most calls succeed while the circuit is closed: they take no lock.
        if self.open_until_ns.load(Ordering::Acquire) == 0 {
            if let Ok(mut state) = self.state.try_lock() {
                state.failures = 0;
            }
            return;
        }
        let mut state = self.state();
        state.failures = 0;
        state.pause = PAUSE_MIN;
        self.open_until_ns.store(0, Ordering::Release);
        tracing::info!("the {} responds again", self.component);
    }

    /// Notes that a call failed.
    pub(crate) fn failed(&self, admission: Admission, error: &dyn fmt::Display) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if admission == Admission::Probe {
            state.pause = (state.pause * 2).min(PAUSE_MAX);
        } else if state.failures < FAILURES_MAX || self.open_until_ns.load(Ordering::Acquire) != 0 {
            // The failures of calls that were in flight when the circuit opened carry no news.
            return;
        } else {
            tracing::warn!(%error, "the {} does not respond; pausing calls to it", self.component);
        }
        let until = self.now_ns().saturating_add(ns(state.pause)).max(1);
        self.open_until_ns.store(until, Ordering::Release);
    }

    fn now_ns(&self) -> u64 {
        ns(self.origin.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_failures_open_circuit_once() {
        let circuit = Circuit::new("test");
        for _ in 0..100 {
            circuit.failed(Admission::Usual, &"lost");
        }
        assert_eq!(circuit.state().pause, PAUSE_MIN);
        circuit.failed(Admission::Probe, &"lost");
        assert_eq!(circuit.state().pause, 2 * PAUSE_MIN);
        for _ in 0..20 {
            circuit.failed(Admission::Probe, &"lost");
        }
        assert_eq!(circuit.state().pause, PAUSE_MAX);
    }

    #[test]
    fn one_probe_is_admitted_a_pause() {
        let circuit = Circuit::new("test");
        for _ in 0..FAILURES_MAX {
            assert_eq!(circuit.admit(), Some(Admission::Usual));
            circuit.failed(Admission::Usual, &"lost");
        }
        assert!(circuit.is_open());
        assert_eq!(circuit.admit(), None);
        std::thread::sleep(PAUSE_MIN);
        assert_eq!(circuit.admit(), Some(Admission::Probe));
        assert_eq!(circuit.admit(), None);
        circuit.succeeded();
        assert!(!circuit.is_open());
        assert_eq!(circuit.admit(), Some(Admission::Usual));
    }
}
