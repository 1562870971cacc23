//! Upkeep of feeds: the look for late posts, and the schedule of checks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::feeds::Feeds;
use crate::limits::jittered;
use crate::model::Timestamp;
use crate::queue::Intake;

/// Interval between looks for posts whose jobs are late, shortened at random by up to a half.
const SWEEP: Duration = Duration::from_secs(4);

/// Starts the upkeep. It ends once `stopped` becomes true.
pub(crate) fn keep_feeds(
    feeds: &Arc<Feeds>,
    queue: Arc<Intake>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let sweeping = {
        let feeds = Arc::clone(feeds);
        until(stopped.clone(), async move {
            loop {
                sleep(jittered(SWEEP)).await;
                match feeds.sweep().await {
                    Ok(0) => {}
                    Ok(posts) => tracing::info!(posts, "wrote late posts to feeds"),
                    Err(error) => tracing::warn!(%error, "could not look for late posts"),
                }
            }
        })
    };
    let mut tasks = vec![tokio::spawn(sweeping)];
    if let Some(period) = feeds.options().repair_every {
        let feeds = Arc::clone(feeds);
        tasks.push(tokio::spawn(until(stopped.clone(), async move {
            loop {
                let now = Timestamp::now();
                let next = next_check(now, period);
                let wait = u64::try_from(next.0 - now.0).unwrap_or(0);
                sleep(Duration::from_millis(wait)).await;
                if let Err(reason) = feeds.begin_check_by(&queue, next).await {
                    tracing::warn!(%reason, "could not begin to check feeds and counters");
                }
            }
        })));
    }
    tasks
}

/// Returns the time of the next check. All workers have the same, so that they begin one run.
fn next_check(now: Timestamp, period: Duration) -> Timestamp {
    let period_ms = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp(
        (now.0 / period_ms)
            .saturating_add(1)
            .saturating_mul(period_ms),
    )
}

async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()> + Send) {
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = work => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn workers_agree_on_the_next_check(now in 0_i64..4_000_000_000_000, late in 0_i64..1_000, period_s in 1_u64..100_000) {
            let period = Duration::from_secs(period_s);
            let next = next_check(Timestamp(now), period);
            prop_assert!(next.0 > now && next.0 - now <= period_s as i64 * 1_000);
            let other = next_check(Timestamp((now + late).min(next.0 - 1)), period);
            prop_assert_eq!(other, next);
        }
    }
}
