//! When a call is tried again, and for how long.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::failure::Failure;

/// How long after its beginning a call may be tried again: the time a balancer takes to notice that
/// a server is gone and to send connections elsewhere. What waited this long for a connection is not
/// tried again either, so that trying again adds nothing to an overload.
const RETRY_TIME: Duration = Duration::from_secs(3);
/// The first pause for a server that is not there; each is twice the one before, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_millis(320);
/// How often a transaction is tried that the server undid for the sake of another.
const ATTEMPTS: u32 = 8;

/// The patience that one call has.
#[derive(Debug)]
pub(super) struct Patience {
    began: Instant,
    pause: Duration,
    undone: u32,
}

impl Patience {
    /// Full patience, from now on.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            pause: FIRST_PAUSE,
            undone: 0,
        }
    }

    /// Pauses before another try; false where there is to be none.
    pub(super) async fn again_after(&mut self, failure: &Failure) -> bool {
        let Some(pause) = self.pause_after(failure, self.began.elapsed()) else {
            return false;
        };
        sleep(pause).await;
        true
    }

    fn pause_after(&mut self, failure: &Failure, elapsed: Duration) -> Option<Duration> {
        if failure.is_undone() {
            self.undone += 1;
            // The other transaction is done within milliseconds.
            return (self.undone < ATTEMPTS).then(|| Duration::from_millis(1 << self.undone));
        }
        if !failure.is_passing() || elapsed + self.pause > RETRY_TIME {
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LAST_PAUSE);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    /// Tries that fail at once: the pauses between them.
    fn pauses(failure: &Failure) -> Vec<u64> {
        let mut patience = Patience::new();
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = patience.pause_after(failure, elapsed) {
            elapsed += pause;
            pauses.push(pause.as_millis() as u64);
        }
        pauses
    }

    #[test]
    fn a_server_that_is_not_there_is_tried_for_three_seconds() {
        let pauses = pauses(&Failure::Slow("a connection", Duration::from_secs(1)));
        assert_eq!(pauses[..6], [20, 40, 80, 160, 320, 320]);
        let all: u64 = pauses.iter().sum();
        assert!((2_600..=3_000).contains(&all), "{pauses:?}");
    }

    #[test]
    fn a_deadlock_is_tried_eight_times() {
        assert_eq!(pauses(&Failure::server(1213)), [2, 4, 8, 16, 32, 64, 128]);
    }

    #[test]
    fn what_will_not_pass_is_not_tried_again() {
        assert!(pauses(&Failure::Store(StoreError::NotFound)).is_empty());
        assert!(pauses(&Failure::server(1146)).is_empty());
        let lost = mysql_async::Error::Io(std::io::Error::other("reset").into());
        assert!(pauses(&Failure::Uncertain(lost)).is_empty());
    }

    #[test]
    fn a_call_that_waited_long_is_not_tried_again() {
        let failure = Failure::server(1047);
        let waited = Duration::from_millis(2_990);
        assert_eq!(Patience::new().pause_after(&failure, waited), None);
    }
}
