//! The ticker: once a second it ends an interval, reports progress and checks the abort rules.

use std::sync::Arc;
use std::time::Duration;

use tenfold_run_dir::counts::Aborted;
use tokio::time::MissedTickBehavior;

use crate::record::{Progress, ROW_NS, SharedFigures, Tally, missed_rule};
use crate::shared::Shared;
use crate::usage::process_cpu_ns;

/// The interval between checks for the figures of an interval.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The number of checks before the figures of the previous interval are used.
const POLLS_MAX: u32 = 40;

/// Ends an interval of the record at each whole second of the run.
///
/// Returns the rule that ends the run, or `None` when the recorder is closed or can't write its log: load that
/// isn't recorded is of no use.
pub(crate) async fn tick(shared: Arc<Shared>, mut watch: impl FnMut(&Progress)) -> Option<Aborted> {
    let shared_figures = shared.recorder.with(|recorder| recorder.figures())?;
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
        let intervals = shared_figures.intervals();
        let mut progress = shared.recorder.with(|recorder| {
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
            recorder.checkpoint(now, |counts, cpu_ns| shared.complete(counts, cpu_ns, now));
            progress
        })?;
        if shared.recorder.with(|recorder| recorder.is_broken())? {
            return None;
        }
        cpu_before = cpu;
        since = now;
        // Meanwhile, another thread works out the figures of the interval.
        wait_for_figures(&shared_figures, intervals).await;
        let figures = shared_figures.read();
        [progress.response, progress.service, progress.lag] = figures.last;
        progress.latencies = figures.totals;
        let rules = &shared.scenario.rules;
        let aborted = shared.recorder.with(|recorder| match figures.detail {
            None => {
                let ended = |rule: &_| recorder.ended(rule);
                missed_rule(&shared.scenario, elapsed, &figures.samples, ended)
            }
            // The rules are judged by the sum of all generators.
            Some(mut detail) => {
                detail.ended = rules.iter().map(|rule| recorder.ended(rule)).collect();
                progress.detail = Some(Box::new(detail));
                None
            }
        })?;
        watch(&progress);
        if aborted.is_some() {
            return aborted;
        }
    }
}

/// Waits for the figures of more than `intervals` intervals, for 200 ms at most: with a slow disk an
/// interval is handed over later.
async fn wait_for_figures(figures: &SharedFigures, intervals: u64) {
    for _ in 0..POLLS_MAX {
        if figures.intervals() > intervals {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
