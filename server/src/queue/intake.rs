//! Intake of a queue: the side that adds jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::counters::{JobCounters, JobEvent};
use super::{JobId, Queue, QueueError};
use crate::ledger::{self, Part};

/// Time for which a queue that took no job is taken to take none.
const PAUSE: Duration = Duration::from_millis(100);

/// Intake of a queue.
///
/// While the queue is full, or does not respond, most requests are rejected before their body is read: otherwise an
/// overload would spend the processors and disks on uploads that are thrown away.
#[derive(Debug)]
pub(crate) struct Intake {
    queue: Arc<dyn Queue>,
    counters: Arc<JobCounters>,
    /// End of the pause, in nanoseconds since `origin`.
    closed_until_ns: AtomicU64,
    /// True if the queue was full; false if it did not respond.
    is_full: AtomicBool,
    origin: Instant,
}

impl Intake {
    /// Wraps a queue.
    pub(crate) fn new(queue: Arc<dyn Queue>, counters: Arc<JobCounters>) -> Self {
        Self {
            queue,
            counters,
            closed_until_ns: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            origin: Instant::now(),
        }
    }

    /// Fails if the queue was full, or did not respond, a moment ago.
    pub(crate) fn require_room(&self) -> Result<(), QueueError> {
        if self.now_ns() >= self.closed_until_ns.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.is_full.load(Ordering::Relaxed) {
            self.counters.add(JobEvent::Full);
            return Err(QueueError::Full);
        }
        self.counters.add(JobEvent::Unaccepted);
        Err(QueueError::Refused("it did not respond a moment ago"))
    }

    /// Adds a job.
    pub(crate) async fn push(&self, id: &JobId, payload: Bytes) -> Result<(), QueueError> {
        let pushed = {
            let _span = ledger::enter(Part::Queue);
            self.queue.push(id, payload).await
        };
        let event = match &pushed {
            Ok(()) => JobEvent::Accepted,
            Err(QueueError::Full) => JobEvent::Full,
            Err(_) => JobEvent::Unaccepted,
        };
        self.counters.add(event);
        if pushed.is_err() {
            self.is_full
                .store(event == JobEvent::Full, Ordering::Relaxed);
            let until = self.now_ns().saturating_add(PAUSE.as_nanos() as u64);
            self.closed_until_ns.store(until, Ordering::Relaxed);
        }
        pushed
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{MemoryQueue, QueueOptions};

    #[tokio::test]
    async fn full_queue_is_asked_once_a_pause() {
        let options = QueueOptions {
            jobs_max: Some(1),
            ..QueueOptions::default()
        };
        let queue = Arc::new(MemoryQueue::new(options));
        let counters = Arc::new(JobCounters::default());
        let intake = Intake::new(queue.clone(), counters.clone());
        let id = |number: u32| JobId::new(number.to_string()).unwrap();
        intake.require_room().unwrap();
        intake.push(&id(1), Bytes::new()).await.unwrap();
        intake.require_room().unwrap();
        let full = intake.push(&id(2), Bytes::new()).await;
        assert_eq!(full, Err(QueueError::Full));
        assert_eq!(intake.require_room(), Err(QueueError::Full));
        let job = queue.pull(PAUSE).await.unwrap().unwrap();
        queue.complete(&job).await.unwrap();
        tokio::time::sleep(PAUSE).await;
        intake.require_room().unwrap();
        intake.push(&id(2), Bytes::new()).await.unwrap();
        assert_eq!(counters.count(JobEvent::Accepted), 2);
        assert_eq!(counters.count(JobEvent::Full), 2);
    }
}
