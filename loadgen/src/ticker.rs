//! Ends an interval of the record once a second, and tells how the run stands.

use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::MissedTickBehavior;

use crate::progress::Progress;
use crate::recorder::{ROW_NS, Tally};
use crate::shared::Shared;
use crate::usage::process_cpu_ns;

/// The samples that must lie beyond a percentile for it to be told.
const SAMPLES_BEYOND: f64 = 10.0;

/// Ends an interval of the record at each whole second of the run, for ever.
pub(crate) async fn tick(shared: Arc<Shared>, mut watch: impl FnMut(&Progress)) {
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
        let progress = shared.record(|recorder| {
            let tally = recorder.tally().clone();
            let (recent, recent_lag) = recorder.recent();
            let per_second = |count: u64| count as f64 * 1e9 / (now - since).max(1) as f64;
            let progress = Progress {
                elapsed,
                total: shared.scenario.duration(),
                phase,
                offered_per_s: per_second(tally.planned - before.planned),
                achieved_per_s: per_second(tally.completed - before.completed),
                p50_ns: percentile(recent, 0.50),
                p99_ns: percentile(recent, 0.99),
                lag_p99_ns: percentile(recent_lag, 0.99),
                completed: tally.completed,
                failed: tally.failed,
                dropped: tally.dropped,
                in_flight: recorder.in_flight(),
                waiting: waiting as u64,
            };
            before = tally;
            recorder.end_interval(now, phase, waiting, cpu - cpu_before);
            progress
        });
        cpu_before = cpu;
        since = now;
        match progress {
            Some(progress) => watch(&progress),
            None => return,
        }
    }
}

fn percentile(histogram: &Histogram<u64>, quantile: f64) -> Option<u64> {
    let beyond = histogram.len() as f64 * (1.0 - quantile);
    (beyond >= SAMPLES_BEYOND).then(|| histogram.value_at_quantile(quantile))
}
