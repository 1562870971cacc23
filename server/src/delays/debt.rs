//! Delays that are too short for a timer, saved up until they are not.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Delay that calls owe, in nanoseconds. Negative after a wait that took longer than asked, as timers do.
#[derive(Debug, Default)]
pub(crate) struct Debt(AtomicI64);

impl Debt {
    /// Adds the delay of a call. Returns the time that is due now: all that is owed, once it is `shortest` or more.
    pub(crate) fn due(&self, delay: Duration, shortest: Duration) -> Option<Duration> {
        let (delay, shortest) = (signed(delay), signed(shortest).max(1));
        if delay == 0 {
            return None;
        }
        let owed = self.0.fetch_add(delay, Ordering::Relaxed) + delay;
        if owed < shortest {
            return None;
        }
        // Another call may have taken it meanwhile.
        self.0
            .compare_exchange(owed, 0, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
            .and_then(|owed| u64::try_from(owed).ok())
            .map(Duration::from_nanos)
    }

    /// Records that `due` was asked for and took this time.
    pub(crate) fn paid(&self, due: Duration, took: Duration) {
        self.0
            .fetch_add(signed(due) - signed(took), Ordering::Relaxed);
    }

    /// Cancels the debt.
    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

fn signed(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    proptest! {
        /// However late the timer is, the mean delay of a call is right.
        #[test]
        fn pays_what_is_owed(
            delay_us in 1..5_000_u64,
            late_us in proptest::collection::vec(0..3_000_u64, 1..300),
        ) {
            let (debt, delay) = (Debt::default(), Duration::from_micros(delay_us));
            let mut paid = Duration::ZERO;
            for late in &late_us {
                if let Some(due) = debt.due(delay, MILLISECOND) {
                    prop_assert!(due >= MILLISECOND);
                    let took = due + Duration::from_micros(*late);
                    debt.paid(due, took);
                    paid += took;
                }
            }
            let asked = delay * u32::try_from(late_us.len()).unwrap();
            prop_assert!(paid <= asked + Duration::from_millis(3), "{paid:?} {asked:?}");
            prop_assert!(paid + MILLISECOND > asked, "{paid:?} {asked:?}");
        }
    }

    #[test]
    fn long_delays_are_due_at_once() {
        let debt = Debt::default();
        assert_eq!(debt.due(Duration::ZERO, Duration::ZERO), None);
        assert_eq!(
            debt.due(3 * MILLISECOND, MILLISECOND),
            Some(3 * MILLISECOND)
        );
        debt.paid(3 * MILLISECOND, 4 * MILLISECOND);
        assert_eq!(debt.due(MILLISECOND, MILLISECOND), None);
        debt.forget();
        assert_eq!(debt.due(MILLISECOND, MILLISECOND), Some(MILLISECOND));
    }
}
