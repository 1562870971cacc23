//! Workers: take jobs from the queue, and apply their effects.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at, sleep, timeout};

use self::work::{TryAgain, Unworked, Work, Worked};
use crate::limits::{Admission, Circuit, jittered};
use crate::queue::{Delivery, JobCounters, JobEvent, Queue, QueueError};

mod failure_note;
mod feed_upkeep;
mod feed_work;
mod options;
mod photo_job;
mod photo_upkeep;
mod photo_work;
mod work;

pub(crate) use failure_note::FailureNote;
pub(crate) use feed_upkeep::keep_feeds;
pub(crate) use feed_work::FeedWork;
pub use options::WorkerOptions;
pub(crate) use photo_job::PhotoJob;
pub(crate) use photo_upkeep::PhotoUpkeep;
pub(crate) use photo_work::PhotoWork;

/// Wait for a job, after which the queue is asked again.
const PULL_WAIT: Duration = Duration::from_secs(2);
/// Maximum time of one attempt. The lease is extended until then.
const ATTEMPT_MAX: Duration = Duration::from_secs(120);
/// Pause before the second attempt; it doubles with each.
const RETRY_PAUSE_MIN: Duration = Duration::from_secs(1);
/// Maximum pause between attempts.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Pause before a queue that failed is asked again, at least and at most.
const QUEUE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Pause while other workers find out whether store and files respond again.
const CIRCUIT_PAUSE: Duration = Duration::from_millis(50);

/// Worker of a process, for the jobs of one queue.
#[derive(Debug)]
pub(crate) struct Worker {
    queue: Arc<dyn Queue>,
    work: Arc<dyn Work>,
    options: WorkerOptions,
    /// Lease time of a job.
    visibility: Duration,
    counters: Arc<JobCounters>,
    /// Opens if jobs fail for lack of what they need: then an outage does not use up the attempts of every job.
    circuit: Circuit,
}

impl Worker {
    /// Creates a worker. `visibility` is the lease time of the queue.
    pub(crate) fn new(
        queue: Arc<dyn Queue>,
        work: Arc<dyn Work>,
        options: WorkerOptions,
        visibility: Duration,
        counters: Arc<JobCounters>,
    ) -> Self {
        Self {
            queue,
            work,
            options,
            visibility,
            counters,
            circuit: Circuit::new("back end of the workers"),
        }
    }

    /// Starts the tasks. Each ends after its job once `stopped` becomes true.
    pub(crate) fn start(self, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let worker = Arc::new(self);
        let tasks = 0..worker.options.concurrency.max(1);
        tasks
            .map(|_| tokio::spawn(Arc::clone(&worker).run(stopped.clone())))
            .collect()
    }

    async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut pause = QUEUE_PAUSE.0;
        loop {
            let next = async {
                let admission = self.admission().await;
                (admission, self.queue.pull(PULL_WAIT).await)
            };
            let (admission, pulled) = tokio::select! {
                // A job that is pulled at this moment is delivered again after its lease.
                _ = stopped.wait_for(|stopped| *stopped) => return,
                next = next => next,
            };
            match pulled {
                Ok(job) => {
                    pause = QUEUE_PAUSE.0;
                    if let Some(job) = job {
                        self.handle(&job, admission).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "could not take a job");
                    tokio::select! {
                        _ = stopped.wait_for(|stopped| *stopped) => return,
                        () = sleep(jittered(pause)) => {}
                    }
                    pause = (pause * 2).min(QUEUE_PAUSE.1);
                }
            }
        }
    }

    /// Waits until the circuit admits a job.
    async fn admission(&self) -> Admission {
        loop {
            if let Some(admission) = self.circuit.admit() {
                return admission;
            }
            sleep(CIRCUIT_PAUSE).await;
        }
    }

    async fn handle(&self, job: &Delivery, admission: Admission) {
        let attempts_max = u64::from(self.options.attempts_max);
        let settled = if job.attempt > attempts_max {
            // Each may have killed its worker: a job that does must not kill them all.
            let reason = format!("{attempts_max} attempts did not end");
            self.bury(job, &reason).await
        } else {
            match self.attempt(job).await {
                Ok(worked) => {
                    self.circuit.succeeded();
                    self.counters.add(match worked {
                        Worked::Applied => JobEvent::Done,
                        Worked::Unneeded => JobEvent::Repeated,
                        Worked::Unprocessable => JobEvent::Unprocessable,
                    });
                    self.queue.complete(job).await
                }
                Err(Unworked::Foreign(reason)) => self.bury(job, &reason).await,
                Err(Unworked::TryAgain(reason)) => {
                    self.circuit.failed(admission, &reason);
                    tracing::warn!(job = %job.id, attempt = job.attempt, %reason, "a job failed");
                    if job.attempt >= attempts_max {
                        self.bury(job, &reason.to_string()).await
                    } else {
                        self.counters.add(JobEvent::Retried);
                        let pause = jittered(retry_pause(job.attempt));
                        self.queue.retry(job, pause).await
                    }
                }
            }
        };
        if let Err(error) = settled {
            tracing::warn!(job = %job.id, %error, "could not settle a job; it is delivered again");
        }
    }

    /// Works on a job, and keeps its lease meanwhile.
    async fn attempt(&self, job: &Delivery) -> Result<Worked, Unworked> {
        let work = self.work.work(job);
        let mut work = std::pin::pin!(timeout(ATTEMPT_MAX, work));
        let period = (self.visibility / 3).max(Duration::from_millis(1));
        let mut extensions = interval_at(Instant::now() + period, period);
        loop {
            tokio::select! {
                worked = &mut work => {
                    let timed_out = |_| Err(TryAgain::timed_out(ATTEMPT_MAX).into());
                    return worked.unwrap_or_else(timed_out);
                }
                _ = extensions.tick() => {
                    if let Err(error) = self.queue.extend(job).await {
                        tracing::warn!(job = %job.id, %error, "could not extend a lease");
                    }
                }
            }
        }
    }

    async fn bury(&self, job: &Delivery, reason: &str) -> Result<(), QueueError> {
        match self.queue.bury(job, reason).await {
            Ok(()) => {
                self.counters.add(JobEvent::Buried);
                tracing::warn!(job = %job.id, reason, "a job is a dead letter now");
                Ok(())
            }
            // It stays in the queue until somebody makes room.
            Err(QueueError::Full) => self.queue.retry(job, RETRY_PAUSE_MAX).await,
            Err(error) => Err(error),
        }
    }
}

/// Returns the pause after a failed attempt, from 1.
fn retry_pause(attempt: u64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    RETRY_PAUSE_MIN
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(RETRY_PAUSE_MAX)
}

#[cfg(test)]
mod tests;
