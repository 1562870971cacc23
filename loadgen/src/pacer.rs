//! Takes every arrival up at its intended time.

use std::sync::Arc;
use std::time::Duration;

use tenfold_scenarios::Arrival;

use crate::clock::nanoseconds;
use crate::fine_timer::FineTimer;
use crate::quantum::Quantum;
use crate::shared::Shared;
use crate::usage::thread_cpu_ns;

/// The longest sleep: how soon a stop, or an arrival that has waited too long, is noticed.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// Takes every arrival of the schedule up at its intended time and gives it to a user, until the
/// schedule ends or the run is stopped.
///
/// An arrival that waits for a user for longer than the scenario's bound is dropped.
pub(crate) async fn pace(shared: &Arc<Shared>) -> std::io::Result<()> {
    let timer = FineTimer::new()?;
    let wait_ns = nanoseconds(shared.scenario.load.wait);
    let mut schedule = shared.scenario.schedule().peekable();
    // Until then the clock reads zero, and a request sent would seem to take no time.
    timer.sleep(shared.clock.until_start()).await?;
    let mut quantum = Quantum::new(shared.clock.now(), thread_cpu_ns());
    while !shared.is_stopped() {
        let now = shared.clock.now();
        while let Some(arrival) = schedule.next_if(|arrival| nanoseconds(arrival.intended) <= now) {
            quantum.note(nanoseconds(arrival.intended));
            take_up(shared, arrival, now);
        }
        drop_overdue(shared, now, wait_ns);
        let Some(next) = schedule.peek() else { break };
        let now = shared.clock.now();
        let chosen = quantum.choose(now, thread_cpu_ns);
        shared.quanta.note(chosen);
        let due = Duration::from_nanos(nanoseconds(next.intended).saturating_sub(now));
        let sleep = due.max(chosen).min(LONGEST_SLEEP);
        if sleep.is_zero() {
            // Late already: the users get their turn before the next arrivals are taken up.
            tokio::task::yield_now().await;
        } else {
            let until = now.saturating_add(nanoseconds(sleep));
            tokio::select! {
                slept = timer.sleep(sleep) => slept?,
                () = shared.alarm.wait_until(until) => {}
            }
        }
    }
    Ok(())
}

/// Lets those that are under way come to their end; arrivals still waiting are sent, or dropped
/// when they have waited for too long.
pub(crate) async fn drain(shared: &Arc<Shared>) {
    let wait_ns = nanoseconds(shared.scenario.load.wait);
    let mut quiet = std::pin::pin!(shared.dispatcher.quiet());
    loop {
        if tokio::time::timeout(LONGEST_SLEEP, quiet.as_mut())
            .await
            .is_ok()
        {
            return;
        }
        drop_overdue(shared, shared.clock.now(), wait_ns);
    }
}

fn take_up(shared: &Shared, arrival: Arrival, now: u64) {
    shared.record(|recorder| recorder.planned(&arrival));
    if let Err(refused) = shared.dispatcher.offer(arrival, now) {
        shared.record(|recorder| recorder.dropped(&refused, now));
    }
}

fn drop_overdue(shared: &Shared, now: u64, wait_ns: u64) {
    while let Some(overdue) = now
        .checked_sub(wait_ns)
        .and_then(|before| shared.dispatcher.take_overdue(before))
    {
        shared.record(|recorder| recorder.dropped(&overdue, now));
    }
}
