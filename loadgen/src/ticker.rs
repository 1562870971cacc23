//! Ends an interval of the record once a second, tells how the run stands, and ends it where a rule
//! that aborts is missed.

use std::sync::Arc;
use std::time::Duration;

use tenfold_run_dir::counts::Aborted;
use tokio::time::MissedTickBehavior;

use crate::abort;
use crate::digest::Told;
use crate::progress::Progress;
use crate::recorder::Tally;
use crate::shared::Shared;
use crate::timeline_rows::ROW_NS;
use crate::usage::process_cpu_ns;

/// How often the figures of an interval are looked for.
const LOOK: Duration = Duration::from_millis(5);

/// How many times, before those of the interval before have to do.
const LOOKS: u32 = 40;

/// Ends an interval of the record at each whole second of the run.
///
/// Returns when a rule ends the run, with that rule, or when the record is closed, with none.
pub(crate) async fn tick(shared: Arc<Shared>, mut watch: impl FnMut(&Progress)) -> Option<Aborted> {
    let told = shared.record(|recorder| recorder.told())?;
    let now = shared.clock.now();
    let to_next = Duration::from_nanos(ROW_NS - now % ROW_NS) + shared.clock.until_start();
    let first = tokio::time::Instant::now() + to_next;
    let mut seconds = tokio::time::interval_at(first, Duration::from_nanos(ROW_NS));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut cpu_before = process_cpu_ns();
    let mut before = Tally::default();
    let mut since = 0;
    loop {
        seconds.tick().await;
        let now = shared.clock.now();
        let cpu = process_cpu_ns();
        let elapsed = Duration::from_nanos(now);
        let phase = shared
            .scenario
            .phase_at(Duration::from_nanos(now.saturating_sub(ROW_NS / 2)));
        let phase = phase.unwrap_or_else(|| shared.scenario.phases.len().saturating_sub(1));
        let waiting = shared.dispatcher.waiting();
        let intervals = told.intervals();
        let mut progress = shared.record(|recorder| {
            let tally = recorder.tally().clone();
            let per_second = |count: u64| count as f64 * 1e9 / (now - since).max(1) as f64;
            let progress = Progress {
                elapsed,
                total: shared.scenario.duration(),
                phase,
                offered_per_s: per_second(tally.planned - before.planned),
                achieved_per_s: per_second(tally.completed - before.completed),
                planned: tally.planned,
                sent: tally.sent,
                completed: tally.completed,
                failed: tally.failed,
                failures: recorder.failures(),
                dropped: tally.dropped,
                in_flight: recorder.in_flight(),
                waiting: waiting as u64,
                ..Progress::default()
            };
            before = tally;
            recorder.end_interval(now, phase, waiting, cpu - cpu_before);
            recorder.keep(now, |counts, cpu_ns| shared.complete(counts, cpu_ns, now));
            progress
        })?;
        cpu_before = cpu;
        since = now;
        // Another thread works the interval out meanwhile.
        worked_out(&told, intervals).await;
        let figures = told.read();
        [progress.response, progress.service, progress.lag] = figures.last;
        progress.latencies = figures.totals;
        let scenario = &shared.scenario;
        let aborted = shared.record(|recorder| {
            let ended = |scope| recorder.ended(scope);
            abort::missed(scenario, elapsed, &figures.samples, ended)
        })?;
        watch(&progress);
        if aborted.is_some() {
            return aborted;
        }
    }
}

/// Waits until there are figures of more intervals than these, but not for long: where the disk is
/// slow, an interval is handed over later.
async fn worked_out(told: &Told, intervals: u64) {
    for _ in 0..LOOKS {
        if told.intervals() > intervals {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
