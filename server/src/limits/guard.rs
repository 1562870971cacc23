//! Guard of calls to another service: at most so many at once, a circuit breaker, and retries within a budget.

use std::fmt;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::retry::budget::{Budget as _, TpsBudget};

use super::circuit::{Admission, Circuit};
use super::deadline;
use super::jitter::jittered;
use crate::ledger::{self, Part};

/// Attempts of a call.
const ATTEMPTS_MAX: u32 = 3;
/// Pause before the first retry, at most; it doubles.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for one of the places.
const PLACE_WAIT: Duration = Duration::from_secs(1);
/// Time over which the budget counts calls.
const BUDGET_PERIOD: Duration = Duration::from_secs(10);
/// Retries a second that are always allowed.
const BUDGET_MIN_PER_S: u32 = 1;
/// Retries allowed as a share of the calls. In an outage, the other service gets at most this much more load.
const BUDGET_SHARE: f32 = 0.1;

/// Guard of calls to another service.
///
/// Only what may be repeated may be called: a failed call is made again up to twice, with pauses, as long as
/// retries are at most a tenth of all calls. Calls end with the deadline of their request.
#[derive(Debug)]
pub(crate) struct Guard {
    places: Semaphore,
    circuit: Circuit,
    budget: TpsBudget,
    /// False for an experiment: then there is no budget, and no circuit breaker.
    is_limited: bool,
}

/// Error of a guarded call.
pub(crate) trait GuardedError: fmt::Display {
    /// Returns true if the other service is to blame, and the call may succeed later.
    fn is_outage(&self) -> bool;

    /// Creates the error of a call that was not made.
    fn refused(reason: &'static str) -> Self;
}

impl Guard {
    /// Guards calls to a component, of which at most `calls_max` run at once.
    pub(crate) fn new(component: &'static str, calls_max: usize) -> Self {
        Self::with_limits(component, calls_max, true)
    }

    /// Like [`new`](Self::new), but without limits, all failed calls are repeated, and none is refused: for an experiment, to see a
    /// retry storm.
    pub(crate) fn with_limits(component: &'static str, calls_max: usize, is_limited: bool) -> Self {
        let places = if is_limited {
            calls_max
        } else {
            Semaphore::MAX_PERMITS
        };
        Self {
            places: Semaphore::new(places),
            circuit: Circuit::new(component),
            budget: TpsBudget::new(BUDGET_PERIOD, BUDGET_MIN_PER_S, BUDGET_SHARE),
            is_limited,
        }
    }

    /// Calls, and calls again after an outage.
    pub(crate) async fn call<T, E, F>(&self, mut call: impl FnMut() -> F) -> Result<T, E>
    where
        E: GuardedError,
        F: Future<Output = Result<T, E>>,
    {
        let wait = deadline::left().map_or(PLACE_WAIT, |left| left.min(PLACE_WAIT));
        let place = {
            let _span = ledger::enter(Part::Queue);
            timeout(wait, self.places.acquire()).await
        };
        let Ok(Ok(_place)) = place else {
            return Err(E::refused("too many calls at once"));
        };
        self.budget.deposit();
        let mut attempt = 1;
        loop {
            let admission = match self.is_limited {
                true => self.circuit.admit(),
                false => Some(Admission::Usual),
            };
            let Some(admission) = admission else {
                return Err(E::refused("it did not respond recently"));
            };
            let outcome = call().await;
            let Err(error) = &outcome else {
                self.circuit.succeeded();
                return outcome;
            };
            if !error.is_outage() {
                self.circuit.succeeded();
                return outcome;
            }
            self.circuit.failed(admission, error);
            let may_retry = admission == Admission::Usual && attempt < ATTEMPTS_MAX;
            if !may_retry || self.is_limited && !self.budget.withdraw() {
                return outcome;
            }
            let _span = ledger::enter(Part::Retry);
            sleep(jittered(RETRY_PAUSE * 2_u32.pow(attempt - 1))).await;
            attempt += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Debug, PartialEq, Eq, thiserror::Error)]
    enum Failure {
        #[error("outage")]
        Outage,
        #[error("wrong")]
        Wrong,
        #[error("{0}")]
        Refused(&'static str),
    }

    impl GuardedError for Failure {
        fn is_outage(&self) -> bool {
            *self == Self::Outage
        }

        fn refused(reason: &'static str) -> Self {
            Self::Refused(reason)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn outage_is_retried_and_wrong_call_is_not() {
        let guard = Guard::new("test", 1);
        let calls = AtomicU32::new(0);
        let call = |fail_first: u32, failure: fn() -> Failure| {
            calls.store(0, Ordering::SeqCst);
            let calls = &calls;
            guard.call(move || async move {
                match calls.fetch_add(1, Ordering::SeqCst) < fail_first {
                    true => Err(failure()),
                    false => Ok(7),
                }
            })
        };
        assert_eq!(call(0, || Failure::Outage).await, Ok(7));
        assert_eq!(call(2, || Failure::Outage).await, Ok(7));
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        assert_eq!(call(9, || Failure::Wrong).await, Err(Failure::Wrong));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_tenth_of_the_calls() {
        let guard = Guard::new("test", 1_000);
        let calls = AtomicU32::new(0);
        for number in 0..300 {
            // Every other call fails at first, which keeps the circuit closed.
            let fails_first = AtomicU32::new(number % 2);
            let (calls, fails_first) = (&calls, &fails_first);
            let _: Result<(), Failure> = guard
                .call(|| async move {
                    calls.fetch_add(1, Ordering::SeqCst);
                    match fails_first.swap(0, Ordering::SeqCst) {
                        0 => Ok(()),
                        _ => Err(Failure::Outage),
                    }
                })
                .await;
        }
        // 300 calls, a tenth of them again, and a few that are always allowed.
        let calls = calls.load(Ordering::SeqCst);
        assert!((305..=360).contains(&calls), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_once_are_bounded_and_wait_no_longer_than_their_deadline() {
        let guard = Arc::new(Guard::new("test", 1));
        let slow = Arc::clone(&guard);
        let slow = tokio::spawn(async move {
            slow.call(|| async {
                sleep(Duration::from_secs(60)).await;
                Ok::<_, Failure>(())
            })
            .await
        });
        tokio::task::yield_now().await;
        let call = || guard.call(|| async { Ok::<_, Failure>(()) });
        let began = tokio::time::Instant::now();
        let refused = Err(Failure::Refused("too many calls at once"));
        assert_eq!(call().await, refused);
        assert_eq!(began.elapsed(), PLACE_WAIT);
        let began = tokio::time::Instant::now();
        let limit = Duration::from_millis(200);
        // The deadline of the request may come first.
        let ended = deadline::within(limit, call()).await;
        assert!(ended.is_none_or(|ended| ended == refused));
        assert_eq!(began.elapsed(), limit);
        slow.await.unwrap().unwrap();
        assert_eq!(call().await, Ok(()));
    }

    /// A server that works on four calls at once, in the order of their arrival. It does not notice that a caller is gone.
    #[derive(Debug)]
    struct Server {
        workers: Arc<Semaphore>,
        work_ms: AtomicU32,
        calls: AtomicU32,
    }

    impl Server {
        /// Calls the server, and waits for a second.
        async fn call(self: Arc<Self>) -> Result<(), Failure> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let work = tokio::spawn(async move {
                let _worker = self.workers.acquire().await;
                let work_ms = self.work_ms.load(Ordering::Relaxed);
                sleep(Duration::from_millis(work_ms.into())).await;
            });
            match timeout(Duration::from_secs(1), work).await {
                Ok(_) => Ok(()),
                Err(_) => Err(Failure::Outage),
            }
        }
    }

    /// Sends 280 requests a second to a server that can do 400, and is slow from the 5th to the 8th second of 30. Returns
    /// the calls that it got for each request, and the share of requests of the last 5 s that succeeded.
    async fn outage(guard: Guard) -> (f64, f64) {
        const PER_S: u32 = 280;
        let guard = Arc::new(guard);
        let server = Arc::new(Server {
            workers: Arc::new(Semaphore::new(4)),
            work_ms: AtomicU32::new(10),
            calls: AtomicU32::new(0),
        });
        let mut last = Vec::new();
        for number in 0..30 * PER_S {
            let second = number / PER_S;
            let work_ms = if (5..8).contains(&second) { 500 } else { 10 };
            server.work_ms.store(work_ms, Ordering::Relaxed);
            let (guard, server) = (Arc::clone(&guard), Arc::clone(&server));
            let request =
                tokio::spawn(async move { guard.call(|| Arc::clone(&server).call()).await });
            if second >= 25 {
                last.push(request);
            }
            sleep(Duration::from_secs(1) / PER_S).await;
        }
        let all = last.len();
        let mut succeeded = 0;
        for request in last {
            succeeded += usize::from(request.await.unwrap().is_ok());
        }
        let calls = server.calls.load(Ordering::Relaxed);
        (
            f64::from(calls) / f64::from(30 * PER_S),
            succeeded as f64 / all as f64,
        )
    }

    /// The server is back after 3 s, but the retries are more than it can do, for ever.
    #[tokio::test(start_paused = true)]
    async fn retry_storm_outlives_its_cause() {
        let (calls, succeeded) = outage(Guard::with_limits("test", 1, false)).await;
        assert!(calls > 2.0, "{calls} calls for each request");
        assert!(succeeded < 0.1, "{succeeded} of the last requests");
    }

    #[tokio::test(start_paused = true)]
    async fn budget_and_circuit_tame_retry_storm() {
        let (calls, succeeded) = outage(Guard::new("test", 1_000)).await;
        assert!(calls < 1.2, "{calls} calls for each request");
        assert!(succeeded > 0.99, "{succeeded} of the last requests");
    }

    #[tokio::test]
    async fn open_circuit_refuses_at_once() {
        let guard = Guard::new("test", 1);
        let fails = || guard.call(|| async { Err::<(), _>(Failure::Outage) });
        let mut refused = 0;
        for _ in 0..10 {
            refused += u32::from(matches!(fails().await, Err(Failure::Refused(_))));
        }
        assert!(refused >= 8, "{refused}");
    }
}
