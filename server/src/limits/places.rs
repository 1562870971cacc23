//! Places for calls of a component, and a bound on the wait for one that gets shorter in an overload.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

/// Longest wait for a place: for as long, a call survives a failover of the component.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Longest wait for a place in an overload.
const OVERLOAD_WAIT_MAX: Duration = Duration::from_millis(500);
/// A wait up to this is usual. In an overload, calls that get a place have waited almost for as long as they may.
const USUAL_WAIT: Duration = Duration::from_millis(250);
/// After this time without a usual wait, there is an overload: in less, a failover ends, and its queue is worked off.
const OVERLOAD_AFTER: Duration = Duration::from_secs(5);

/// Places for calls of a component. A call waits for a place for up to 3 s, in the order of arrival.
///
/// After 5 s in which no wait was shorter than 250 ms, there is an overload, and calls wait for up to 500 ms. The
/// component then works for calls that are young enough to succeed. If all of them waited for long, it would spend its time on
/// calls that end before they are answered, and sustain less than before. This is the queue with a controlled delay of
/// "Fail at Scale" (B. Maurer, ACM Queue 13(8), 2015), after CoDel (RFC 8289).
#[derive(Debug)]
pub(crate) struct Places {
    /// Name of the component, for the log.
    component: String,
    places: Semaphore,
    origin: Instant,
    /// When a call last had a place soon, in nanoseconds since `origin`.
    usual_ns: AtomicU64,
    is_overloaded: AtomicBool,
}

/// No place became free within this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPlace(pub(crate) Duration);

impl Places {
    /// Creates so many places.
    pub(crate) fn new(component: impl Into<String>, places: usize) -> Self {
        Self {
            component: component.into(),
            places: Semaphore::new(places),
            origin: Instant::now(),
            usual_ns: AtomicU64::new(0),
            is_overloaded: AtomicBool::new(false),
        }
    }

    /// Waits for a place. It is free again when the permit is dropped.
    ///
    /// # Errors
    /// `NoPlace` if none is free for as long as calls may wait.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>, NoPlace> {
        let began = self.now_ns();
        if let Ok(permit) = self.places.try_acquire() {
            self.got_soon(began);
            return Ok(permit);
        }
        let wait_max = self.wait_max(began);
        let Ok(Ok(permit)) = timeout(wait_max, self.places.acquire()).await else {
            return Err(NoPlace(wait_max));
        };
        let now = self.now_ns();
        if Duration::from_nanos(now - began) <= USUAL_WAIT {
            self.got_soon(now);
        }
        Ok(permit)
    }

    /// Returns the longest wait of a call that begins now.
    fn wait_max(&self, now: u64) -> Duration {
        let usual = self.usual_ns.load(Ordering::Relaxed);
        if Duration::from_nanos(now.saturating_sub(usual)) <= OVERLOAD_AFTER {
            return WAIT_MAX;
        }
        if !self.is_overloaded.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the {} is overloaded: for {OVERLOAD_AFTER:?}, calls have waited for longer than {USUAL_WAIT:?}; \
                 refusing those that wait for longer than {OVERLOAD_WAIT_MAX:?}",
                self.component
            );
        }
        OVERLOAD_WAIT_MAX
    }

    fn got_soon(&self, now: u64) {
        self.usual_ns.fetch_max(now, Ordering::Relaxed);
        if self.is_overloaded.load(Ordering::Relaxed)
            && self.is_overloaded.swap(false, Ordering::Relaxed)
        {
            tracing::info!("the {} is not overloaded any more", self.component);
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use tokio::time::{sleep, sleep_until};

    use super::*;

    /// Time for which a call has a place, so that one place serves 100 calls/s.
    const SERVICE: Duration = Duration::from_millis(10);
    /// A caller gives up after this time. Its call still holds a place for as long as the service takes.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// What became of the calls of one second.
    #[derive(Clone, Copy, Debug, Default)]
    struct Second {
        answered: u32,
        refused: u32,
        late: u32,
        longest: Duration,
    }

    /// Runs calls that arrive evenly, with so many a second in each second, and returns what became of them.
    /// Nothing is served before `outage`.
    async fn run(places: Arc<Places>, rates: &[u32], outage: Duration) -> Vec<Second> {
        let start = Instant::now();
        let mut calls = Vec::new();
        for (second, &rate) in rates.iter().enumerate() {
            for number in 0..rate {
                let at = second as f64 + f64::from(number) / f64::from(rate);
                let places = Arc::clone(&places);
                calls.push(tokio::spawn(async move {
                    let began = start + Duration::from_secs_f64(at);
                    sleep_until(began).await;
                    let got = places.take().await;
                    if got.is_ok() {
                        sleep_until(start + outage).await;
                        sleep(SERVICE).await;
                    }
                    (second, got.map(drop), began.elapsed())
                }));
            }
        }
        let mut seconds = vec![Second::default(); rates.len()];
        for call in calls {
            let (second, got, took) = call.await.unwrap();
            let second = &mut seconds[second];
            match got {
                Err(_) => second.refused += 1,
                Ok(()) if took > PATIENCE => second.late += 1,
                Ok(()) => second.answered += 1,
            }
            second.longest = second.longest.max(took);
        }
        seconds
    }

    fn one_place() -> Arc<Places> {
        Arc::new(Places::new("test", 1))
    }

    #[tokio::test(start_paused = true)]
    async fn overload_is_served_at_full_rate() {
        let seconds = run(one_place(), &[200; 30], Duration::ZERO).await;
        for second in &seconds[10..] {
            assert!(second.answered >= 95, "{seconds:?}");
            assert_eq!(second.late, 0, "{seconds:?}");
            assert!(
                second.longest <= OVERLOAD_WAIT_MAX + 2 * SERVICE,
                "{seconds:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn short_burst_and_full_use_refuse_nothing() {
        // A second of twice the capacity leaves a queue that the next two work off.
        let seconds = run(one_place(), &[50, 200, 50, 50, 99, 99, 99], Duration::ZERO).await;
        assert!(
            seconds.iter().all(|second| second.refused == 0),
            "{seconds:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn failover_refuses_nothing() {
        let seconds = run(one_place(), &[30; 20], Duration::from_millis(2_900)).await;
        assert!(
            seconds.iter().all(|second| second.refused == 0),
            "{seconds:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn burst_after_a_quiet_hour_waits_as_usual() {
        let places = one_place();
        sleep(Duration::from_secs(3_600)).await;
        let seconds = run(places, &[200], Duration::ZERO).await;
        assert_eq!(seconds[0].refused, 0, "{seconds:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever the load was before, a steady overload is served at the full rate, and then all calls are again.
        #[test]
        fn overload_leaves_no_trace(before in prop::collection::vec(0_u32..400, 0..12), rate in 120_u32..500) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let mut rates = before;
            rates.extend([rate; 12]);
            let overload = rates.len();
            rates.extend([60; 12]);
            let seconds = runtime.block_on(run(one_place(), &rates, Duration::ZERO));
            for second in &seconds[overload - 2..overload] {
                prop_assert!(second.answered >= 90, "{:?}", seconds);
            }
            for second in &seconds[overload + 8..] {
                prop_assert_eq!(second.refused + second.late, 0, "{:?}", &seconds);
            }
        }
    }
}
