//! Known delays in one component at a time, for experiments that find out what the service waits for.
//!
//! A service that does not allow them has no [`Delays`] and no wrappers. One that allows them pays an atomic load for each
//! call of a component while no experiment is in progress. An experiment ends by itself, so that a client that is killed leaves
//! no slow service behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join;
use rustix::time::{ClockId, clock_gettime};

mod component;
mod debt;

pub(crate) use component::{Component, Kind};
use debt::Debt;

/// Longest delay of a call.
pub(crate) const DELAY_MAX: Duration = Duration::from_millis(100);

/// Longest time until an experiment ends by itself.
pub(crate) const LASTS_MAX: Duration = Duration::from_mins(1);

/// Shortest wait: the timers of the runtime have milliseconds.
pub(crate) const WAIT_MIN: Duration = Duration::from_millis(2);

/// Shortest sleep of a thread.
#[cfg(feature = "sqlite")]
pub(crate) const SLEEP_MIN: Duration = Duration::from_millis(1);

/// Shortest time of CPU that is spent at once: reading the clock of a thread takes a good part of a microsecond.
const SPENT_MIN: Duration = Duration::from_micros(5);

/// Bits of a setting that hold the delay, in nanoseconds. The component is in those above.
const DELAY_BITS: u32 = 32;

/// The delays of a service. At most one component is delayed at a time.
#[derive(Debug)]
pub struct Delays {
    began: Instant,
    /// End of the experiment, in nanoseconds since `began`. 0 if there is none.
    ends_ns: AtomicU64,
    /// Delayed component and its delay, in one word, so that a call never sees one without the other.
    setting: AtomicU64,
    counters: [Counter; Component::ALL.len()],
    debts: [Debt; Component::ALL.len()],
}

/// Order of a call and the hold that delays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The hold precedes the call, as an extra visit, and takes this long at least. Shorter delays are saved up over several calls.
    Before(Duration),
    /// The call is queued directly behind its hold, and both are in the same batch: a call that waited for its hold first would wait for
    /// two batches. One hold serves the whole batch, so nothing is saved up.
    Within,
}

/// Calls of a component during experiments.
#[derive(Debug, Default)]
struct Counter {
    calls: AtomicU64,
    busy_ns: AtomicU64,
}

/// Calls of a component during experiments, and their time without delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) count: u64,
    pub(crate) busy: Duration,
}

/// Experiment in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Experiment {
    pub(crate) component: Component,
    /// Zero if calls are only counted.
    pub(crate) delay: Duration,
    pub(crate) ends_in: Duration,
}

impl Default for Delays {
    /// Delays nothing.
    fn default() -> Self {
        Self {
            began: Instant::now(),
            ends_ns: AtomicU64::new(0),
            setting: AtomicU64::new(0),
            counters: Default::default(),
            debts: Default::default(),
        }
    }
}

impl Delays {
    /// Delays each call of a component from now on, instead of any other. Counts the calls of all components. Both values are capped at
    /// their maximum.
    pub(crate) fn start(&self, component: Component, delay: Duration, lasts: Duration) {
        let delay_ns = nanoseconds(delay.min(DELAY_MAX));
        for debt in &self.debts {
            debt.forget();
        }
        self.setting.store(
            (component as u64) << DELAY_BITS | delay_ns,
            Ordering::Relaxed,
        );
        let ends_ns = self.now_ns() + nanoseconds(lasts.min(LASTS_MAX));
        self.ends_ns.store(ends_ns, Ordering::Relaxed);
    }

    /// Ends the experiment.
    pub(crate) fn stop(&self) {
        self.ends_ns.store(0, Ordering::Relaxed);
    }

    /// Returns the experiment in progress.
    pub(crate) fn experiment(&self) -> Option<Experiment> {
        let ends_ns = self.ends_ns.load(Ordering::Relaxed);
        if ends_ns == 0 {
            return None;
        }
        let Some(left_ns) = ends_ns.checked_sub(self.now_ns()).filter(|ns| *ns > 0) else {
            // Unless another one has begun meanwhile.
            let _ = self
                .ends_ns
                .compare_exchange(ends_ns, 0, Ordering::Relaxed, Ordering::Relaxed);
            return None;
        };
        let setting = self.setting.load(Ordering::Relaxed);
        let index = usize::try_from(setting >> DELAY_BITS).unwrap_or(usize::MAX);
        Some(Experiment {
            component: *Component::ALL.get(index)?,
            delay: Duration::from_nanos(setting & ((1 << DELAY_BITS) - 1)),
            ends_in: Duration::from_nanos(left_ns),
        })
    }

    /// Returns the calls of a component during experiments.
    pub(crate) fn calls(&self, component: Component) -> Calls {
        let counter = &self.counters[component as usize];
        Calls {
            count: counter.calls.load(Ordering::Relaxed),
            busy: Duration::from_nanos(counter.busy_ns.load(Ordering::Relaxed)),
        }
    }

    /// Awaits a call of a component, with its delay if it has one. `hold` occupies what the call occupies for that time, and
    /// returns the time for which it did.
    ///
    /// # Errors
    /// Those of `hold` and of the call.
    pub(crate) async fn delayed<T, E, H: Future<Output = Result<Duration, E>>>(
        &self,
        component: Component,
        way: Hold,
        hold: impl FnOnce(Duration) -> H,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(experiment) = self.experiment() else {
            return call.await;
        };
        let is_delayed = experiment.component == component && !experiment.delay.is_zero();
        let (held, result, took) = match way {
            Hold::Within if is_delayed => {
                let began = Instant::now();
                let (held, result) = join(hold(experiment.delay), call).await;
                // A write that was stored is no failure.
                (held.unwrap_or_default(), result, began.elapsed())
            }
            Hold::Before(shortest) if is_delayed => {
                let debt = &self.debts[component as usize];
                if let Some(due) = debt.due(experiment.delay, shortest) {
                    debt.paid(due, hold(due).await?);
                }
                let began = Instant::now();
                (Duration::ZERO, call.await, began.elapsed())
            }
            Hold::Before(_) | Hold::Within => {
                let began = Instant::now();
                (Duration::ZERO, call.await, began.elapsed())
            }
        };
        self.count(component, took.saturating_sub(held));
        result
    }

    /// Does work of a component on this thread, after spending its delay as CPU time.
    pub(crate) fn spent<T>(&self, component: Component, work: impl FnOnce() -> T) -> T {
        let Some(experiment) = self.experiment() else {
            return work();
        };
        self.spend(component, &experiment);
        let began = thread_cpu_time();
        let value = work();
        self.count(component, thread_cpu_time().saturating_sub(began));
        value
    }

    /// Spends the CPU time of the delay for a request. Counts the request; its CPU time is counted by [`process_cpu_time`].
    pub(crate) fn request(&self) {
        if let Some(experiment) = self.experiment() {
            self.spend(Component::Cpu, &experiment);
            self.count(Component::Cpu, Duration::ZERO);
        }
    }

    fn spend(&self, component: Component, experiment: &Experiment) {
        if experiment.component != component {
            return;
        }
        let debt = &self.debts[component as usize];
        if let Some(due) = debt.due(experiment.delay, SPENT_MIN) {
            let began = thread_cpu_time();
            let spent = || thread_cpu_time().saturating_sub(began);
            while spent() < due {
                std::hint::spin_loop();
            }
            debt.paid(due, spent());
        }
    }

    fn count(&self, component: Component, busy: Duration) {
        let counter = &self.counters[component as usize];
        counter.calls.fetch_add(1, Ordering::Relaxed);
        counter
            .busy_ns
            .fetch_add(nanoseconds(busy), Ordering::Relaxed);
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }
}

/// Waits without holding anything. Returns the time for which it waited.
pub(crate) async fn wait(time: Duration) -> Duration {
    let began = Instant::now();
    tokio::time::sleep(time).await;
    began.elapsed()
}

/// Sleeps on this thread. Returns the time for which it slept.
#[cfg(feature = "sqlite")]
pub(crate) fn sleep(time: Duration) -> Duration {
    let began = Instant::now();
    std::thread::sleep(time);
    began.elapsed()
}

/// Returns the CPU time of this process.
pub(crate) fn process_cpu_time() -> Duration {
    cpu_time(ClockId::ProcessCPUTime)
}

fn thread_cpu_time() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    // Neither is ever negative.
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const MINUTE: Duration = Duration::from_mins(1);

    /// Time of so many calls of a component, each with a hold that takes as long as asked.
    async fn time_held(delays: &Delays, component: Component, calls: u32) -> Duration {
        let mut held = Duration::ZERO;
        for _ in 0..calls {
            let hold = |time| {
                held += time;
                async move { Ok::<_, ()>(time) }
            };
            let call = async { Ok::<_, ()>(()) };
            delays
                .delayed(component, Hold::Before(MILLISECOND), hold, call)
                .await
                .unwrap();
        }
        held
    }

    #[tokio::test]
    async fn delays_one_component_at_a_time() {
        let delays = Delays::default();
        assert_eq!(
            time_held(&delays, Component::Cache, 5).await,
            Duration::ZERO
        );
        assert_eq!(delays.calls(Component::Cache).count, 0);
        delays.start(Component::Cache, 2 * MILLISECOND, MINUTE);
        assert_eq!(
            time_held(&delays, Component::Cache, 5).await,
            10 * MILLISECOND
        );
        assert_eq!(
            time_held(&delays, Component::Files, 5).await,
            Duration::ZERO
        );
        delays.start(Component::Files, 3 * MILLISECOND, MINUTE);
        assert_eq!(
            time_held(&delays, Component::Cache, 5).await,
            Duration::ZERO
        );
        assert_eq!(
            time_held(&delays, Component::Files, 5).await,
            15 * MILLISECOND
        );
        delays.stop();
        assert_eq!(
            time_held(&delays, Component::Files, 5).await,
            Duration::ZERO
        );
        assert_eq!(delays.calls(Component::Cache).count, 10);
        assert_eq!(delays.calls(Component::Files).count, 10);
    }

    #[tokio::test]
    async fn short_delays_add_up() {
        let delays = Delays::default();
        delays.start(Component::StorePoint, Duration::from_micros(30), MINUTE);
        let held = time_held(&delays, Component::StorePoint, 1_000).await;
        assert!(
            held > 28 * MILLISECOND && held <= 30 * MILLISECOND,
            "{held:?}"
        );
    }

    #[tokio::test]
    async fn ends_by_itself_and_is_bounded() {
        let delays = Delays::default();
        delays.start(Component::Cache, MINUTE, 2 * MINUTE);
        let running = delays.experiment().unwrap();
        assert_eq!(running.delay, DELAY_MAX);
        assert!(running.ends_in <= LASTS_MAX);
        delays.start(Component::Cache, MILLISECOND, 20 * MILLISECOND);
        std::thread::sleep(25 * MILLISECOND);
        assert_eq!(
            time_held(&delays, Component::Cache, 1).await,
            Duration::ZERO
        );
        assert_eq!(delays.experiment(), None);
    }

    #[test]
    fn spends_cpu_time_and_counts_that_of_the_work() {
        let delays = Delays::default();
        delays.start(Component::Serialize, 5 * MILLISECOND, MINUTE);
        let began = thread_cpu_time();
        assert_eq!(delays.spent(Component::Serialize, || 7), 7);
        assert!(thread_cpu_time() - began >= 5 * MILLISECOND);
        let calls = delays.calls(Component::Serialize);
        assert_eq!(calls.count, 1);
        assert!(calls.busy < 5 * MILLISECOND, "{calls:?}");
    }
}
