//! The pacer: takes up every arrival at its intended time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenfold_scenarios::Arrival;

use crate::clock::{Clock, nanoseconds};
use crate::pace::alarm::Alarm;
use crate::pace::dispatcher::Dispatcher;
use crate::pace::fine_timer::FineTimer;
use crate::pace::quantum::{Quantum, QuantumRange};
use crate::record::SharedRecorder;
use crate::usage::thread_cpu_ns;

/// The longest sleep, which bounds how late a stop or an overdue arrival is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(20);

/// The pacer, with the parts of a run that it uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pacer<'a> {
    /// The clock of the run.
    pub(crate) clock: &'a Clock,
    /// Hands arrivals to users.
    pub(crate) dispatcher: &'a Dispatcher,
    /// Wakes the pacer when its timer is late.
    pub(crate) alarm: &'a Alarm,
    /// Records the quanta that are used.
    pub(crate) quanta: &'a QuantumRange,
    /// Records planned and dropped arrivals.
    pub(crate) recorder: &'a SharedRecorder,
    /// Ends pacing when set.
    pub(crate) stop: &'a AtomicBool,
    /// The longest wait of an arrival for an idle user, in nanoseconds. Then it is dropped.
    pub(crate) wait_max_ns: u64,
}

impl Pacer<'_> {
    /// Takes up every arrival of a schedule at its intended time and hands it to a user, until the
    /// schedule ends or the run is stopped.
    ///
    /// # Errors
    /// If the system refuses a timer.
    pub(crate) async fn pace(
        &self,
        schedule: impl Iterator<Item = Arrival>,
    ) -> std::io::Result<()> {
        let timer = FineTimer::new()?;
        let mut schedule = schedule.peekable();
        // Before the start the clock reads zero, and a request would seem to take no time.
        timer.sleep(self.clock.until_start()).await?;
        let mut quantum = Quantum::new(self.clock.now(), thread_cpu_ns());
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            while let Some(arrival) =
                schedule.next_if(|arrival| nanoseconds(arrival.intended) <= now)
            {
                quantum.note(nanoseconds(arrival.intended));
                self.take_up(arrival, now);
            }
            self.drop_overdue(now);
            let Some(next) = schedule.peek() else { break };
            let now = self.clock.now();
            let chosen = quantum.choose(now, thread_cpu_ns);
            self.quanta.note(chosen);
            let due = Duration::from_nanos(nanoseconds(next.intended).saturating_sub(now));
            let sleep = due.max(chosen).min(SLEEP_MAX);
            if sleep.is_zero() {
                // Already late: let the users run before taking up more arrivals.
                tokio::task::yield_now().await;
            } else {
                let until = now.saturating_add(nanoseconds(sleep));
                tokio::select! {
                    slept = timer.sleep(sleep) => slept?,
                    () = self.alarm.wait_until(until) => {}
                }
            }
        }
        Ok(())
    }

    /// Waits until every pending arrival is answered or dropped.
    pub(crate) async fn drain(&self) {
        let mut quiet = std::pin::pin!(self.dispatcher.quiet());
        loop {
            if tokio::time::timeout(SLEEP_MAX, quiet.as_mut())
                .await
                .is_ok()
            {
                return;
            }
            self.drop_overdue(self.clock.now());
        }
    }

    fn take_up(&self, arrival: Arrival, now: u64) {
        self.recorder.with(|recorder| recorder.planned(&arrival));
        if let Err(refused) = self.dispatcher.offer(arrival, now) {
            self.recorder
                .with(|recorder| recorder.dropped(&refused, now));
        }
    }

    fn drop_overdue(&self, now: u64) {
        while let Some(overdue) = now
            .checked_sub(self.wait_max_ns)
            .and_then(|before| self.dispatcher.take_overdue(before))
        {
            self.recorder
                .with(|recorder| recorder.dropped(&overdue, now));
        }
    }
}
