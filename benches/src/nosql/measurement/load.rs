//! Load on a store: as much as it can take, or a fixed rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::operation::Operation;
use crate::nosql::CALLERS;

/// Calls that wait at once at a fixed rate. More are not sent.
const WAITING_MAX: usize = 512;
/// Time that the last calls may take after the end of a round.
const GRACE: Duration = Duration::from_secs(12);
/// Numbers of calls, so that no two calls of a process have the same.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Calls of one round.
#[derive(Debug)]
pub(super) struct Measured {
    /// Response times of the calls that succeeded.
    times: Vec<Duration>,
    /// Calls that failed, or were not sent.
    pub(super) failed: u64,
    /// Reason of one of them. `None` if none failed.
    pub(super) reason: Option<String>,
    /// Length of the round.
    elapsed: Duration,
}

impl Measured {
    fn new(
        mut times: Vec<Duration>,
        failed: u64,
        reason: Option<String>,
        elapsed: Duration,
    ) -> Self {
        times.sort_unstable();
        Self {
            times,
            failed,
            reason,
            elapsed,
        }
    }

    /// Returns the number of calls that succeeded.
    pub(super) fn done(&self) -> u64 {
        self.times.len() as u64
    }

    /// Returns the calls that succeeded, per second.
    pub(super) fn rate_per_s(&self) -> f64 {
        self.done() as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns a percentile of the response time, in milliseconds. `None` with fewer than ten calls beyond it.
    pub(super) fn percentile_ms(&self, quantile: f64) -> Option<f64> {
        let count = self.times.len();
        if (1.0 - quantile) * (count as f64) < 10.0 {
            return None;
        }
        let index = ((quantile * count as f64).ceil() as usize).clamp(1, count) - 1;
        self.times.get(index).map(|time| time.as_secs_f64() * 1e3)
    }
}

/// Makes calls, [`CALLERS`] at once, each as soon as the previous one has ended.
pub(super) async fn closed(operation: &Operation, time: Duration) -> Measured {
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let operation = operation.clone();
        callers.spawn(async move {
            let (mut times, mut failed, mut reason) = (Vec::new(), 0, None);
            while begun.elapsed() < time {
                let sent = Instant::now();
                match operation.call(NEXT.fetch_add(1, Ordering::Relaxed)).await {
                    Ok(()) => times.push(sent.elapsed()),
                    Err(error) => {
                        failed += 1;
                        reason = Some(error.to_string());
                    }
                }
            }
            (times, failed, reason)
        });
    }
    let mut times = Vec::new();
    let (mut failed, mut reason) = (0, None);
    while let Some(Ok((own, own_failed, own_reason))) = callers.join_next().await {
        times.extend(own);
        failed += own_failed;
        reason = reason.or(own_reason);
    }
    Measured::new(times, failed, reason, begun.elapsed())
}

/// Makes calls at the times of a Poisson process, in an open model. Response times begin at the intended time.
pub(super) async fn paced(operation: &Operation, rate_per_s: f64, time: Duration) -> Measured {
    let begun = Instant::now();
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let places = Arc::new(Semaphore::new(WAITING_MAX));
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let (mut intended, mut failed, mut reason) = (Duration::ZERO, 0, None);
    loop {
        let uniform: f64 = random.random();
        intended +=
            Duration::from_secs_f64((-(1.0 - uniform).ln() / rate_per_s).min(time.as_secs_f64()));
        if intended >= time {
            break;
        }
        tokio::time::sleep_until((begun + intended).into()).await;
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            failed += 1;
            reason = Some(format!("{WAITING_MAX} calls were waiting"));
            continue;
        };
        let (operation, sender) = (operation.clone(), sender.clone());
        tokio::spawn(async move {
            let done = operation.call(NEXT.fetch_add(1, Ordering::Relaxed)).await;
            let took = begun.elapsed().saturating_sub(intended);
            // One message for each call that had a place.
            let _ = sender.send(done.map(|()| took));
            drop(place);
        });
    }
    drop(sender);
    let mut times = Vec::new();
    let collecting = async {
        while let Some(took) = receiver.recv().await {
            match took {
                Ok(took) => times.push(took),
                Err(error) => {
                    failed += 1;
                    reason = Some(error.to_string());
                }
            }
        }
    };
    let _ = tokio::time::timeout(GRACE, collecting).await;
    Measured::new(times, failed, reason, time)
}

#[cfg(test)]
mod tests {
    use tenfold_server::store::StoreError;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn closed_load_is_that_of_its_callers() {
        let operation = Operation::new(|_| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        });
        let measured = runtime().block_on(closed(&operation, Duration::from_millis(500)));
        // 16 callers, 20 ms each: 800/s at most.
        assert!(
            (200.0..801.0).contains(&measured.rate_per_s()),
            "{measured:?}"
        );
        assert!(measured.percentile_ms(0.5).unwrap() >= 20.0);
        assert_eq!(measured.failed, 0);
    }

    #[test]
    fn paced_load_counts_failures_and_keeps_its_rate() {
        let operation = Operation::new(|number| async move {
            match number % 2 {
                0 => Ok(()),
                _ => Err(StoreError::NotFound),
            }
        });
        let measured = runtime().block_on(paced(&operation, 400.0, Duration::from_secs(1)));
        let all = measured.done() + measured.failed;
        assert!((300..500).contains(&all), "{all}");
        assert!(measured.failed > 100 && measured.done() > 100);
        assert_eq!(measured.reason, Some(StoreError::NotFound.to_string()));
    }

    #[test]
    fn percentile_needs_ten_calls_beyond_it() {
        let times = (1..=900).map(Duration::from_millis).collect();
        let measured = Measured::new(times, 0, None, Duration::from_secs(1));
        assert_eq!(measured.percentile_ms(0.5), Some(450.0));
        assert_eq!(measured.percentile_ms(0.99), None);
    }
}
