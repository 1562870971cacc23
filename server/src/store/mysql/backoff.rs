//! Retry policy of calls.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::failure::Failure;
use crate::ledger::{self, Part};

/// Period after its start during which a call may be retried: the time for a load balancer to detect a dead
/// server and redirect connections. A call that waited this long for a connection is not retried either, so
/// that retries do not amplify an overload.
const RETRY_PERIOD: Duration = Duration::from_secs(3);
/// Initial pause. It doubles with each retry.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Maximum pause.
const PAUSE_MAX: Duration = Duration::from_millis(320);
/// Maximum number of attempts of a transaction that the server rolls back.
const ROLLBACKS_MAX: u32 = 8;

/// State of one call's retries.
#[derive(Debug)]
pub(super) struct Backoff {
    began: Instant,
    pause: Duration,
    rollbacks: u32,
}

impl Backoff {
    /// Starts a call.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            pause: PAUSE_MIN,
            rollbacks: 0,
        }
    }

    /// Pauses before a retry. Returns false, at once, if there must be none.
    pub(super) async fn wait_after(&mut self, failure: &Failure) -> bool {
        let Some(pause) = self.pause_after(failure, self.began.elapsed()) else {
            return false;
        };
        let _span = ledger::enter(Part::Retry);
        sleep(pause).await;
        true
    }

    fn pause_after(&mut self, failure: &Failure, elapsed: Duration) -> Option<Duration> {
        if failure.is_rolled_back() {
            self.rollbacks += 1;
            // The other transaction ends within milliseconds.
            return (self.rollbacks < ROLLBACKS_MAX)
                .then(|| Duration::from_millis(1 << self.rollbacks));
        }
        if !failure.is_retryable() || elapsed + self.pause > RETRY_PERIOD {
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    /// Returns the pauses between attempts that fail at once.
    fn pauses(failure: &Failure) -> Vec<u64> {
        let mut backoff = Backoff::new();
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = backoff.pause_after(failure, elapsed) {
            elapsed += pause;
            pauses.push(pause.as_millis() as u64);
        }
        pauses
    }

    #[test]
    fn missing_server_is_retried_for_three_seconds() {
        let pauses = pauses(&Failure::Slow("a connection", Duration::from_secs(1)));
        assert_eq!(pauses[..6], [20, 40, 80, 160, 320, 320]);
        let all: u64 = pauses.iter().sum();
        assert!((2_600..=3_000).contains(&all), "{pauses:?}");
    }

    #[test]
    fn deadlock_is_attempted_eight_times() {
        assert_eq!(pauses(&Failure::server(1213)), [2, 4, 8, 16, 32, 64, 128]);
    }

    #[test]
    fn permanent_failure_is_not_retried() {
        assert!(pauses(&Failure::Store(StoreError::NotFound)).is_empty());
        assert!(pauses(&Failure::server(1146)).is_empty());
        let lost = mysql_async::Error::Io(std::io::Error::other("reset").into());
        assert!(pauses(&Failure::Uncertain(lost)).is_empty());
    }

    #[test]
    fn call_that_waited_long_is_not_retried() {
        let failure = Failure::server(1047);
        let waited = Duration::from_millis(2_990);
        assert_eq!(Backoff::new().pause_after(&failure, waited), None);
    }
}
