//! Queue in the memory of one process, for a single box and for tests. A crash loses its jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{DeadLetter, Delivery, JobId, Queue, QueueError, QueueOptions, QueueStats};
use crate::model::Timestamp;

/// Queue in memory.
#[derive(Debug)]
pub struct MemoryQueue {
    options: QueueOptions,
    state: Mutex<State>,
    /// A job became visible earlier than those that waiters know.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Jobs by their number, in the order of their arrival.
    jobs: BTreeMap<u64, Job>,
    /// Numbers of the jobs by identifier.
    numbers: HashMap<JobId, u64>,
    /// Numbers of the jobs by the time from which they can be pulled.
    visible: BTreeSet<(Instant, u64)>,
    dead: BTreeMap<u64, DeadLetter>,
    next_number: u64,
}

#[derive(Debug)]
struct Job {
    id: JobId,
    payload: Bytes,
    attempts: u64,
    visible_at: Instant,
    is_leased: bool,
}

impl Default for MemoryQueue {
    fn default() -> Self {
        Self::new(QueueOptions::default())
    }
}

impl MemoryQueue {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(options: QueueOptions) -> Self {
        Self {
            options,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a job visible at another time. Does nothing if it is gone.
    fn show_at(&self, delivery: &Delivery, at: Instant) {
        let mut state = self.state();
        let Ok(number) = delivery.receipt.parse() else {
            return;
        };
        if let Some(job) = state.jobs.get_mut(&number) {
            let before = std::mem::replace(&mut job.visible_at, at);
            state.visible.remove(&(before, number));
            state.visible.insert((at, number));
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    fn add(&mut self, id: JobId, payload: Bytes, options: &QueueOptions) -> Result<(), QueueError> {
        if self.numbers.contains_key(&id) {
            return Ok(());
        }
        if options
            .jobs_max
            .is_some_and(|max| self.jobs.len() >= max as usize)
        {
            return Err(QueueError::Full);
        }
        self.next_number += 1;
        let (number, visible_at) = (self.next_number, Instant::now());
        self.numbers.insert(id.clone(), number);
        self.visible.insert((visible_at, number));
        let job = Job {
            id,
            payload,
            attempts: 0,
            visible_at,
            is_leased: false,
        };
        self.jobs.insert(number, job);
        Ok(())
    }

    /// Leases the next visible job, or returns when the next one becomes visible.
    fn lease(&mut self, visibility: Duration) -> Result<Delivery, Option<Instant>> {
        let Some(&(at, number)) = self.visible.first() else {
            return Err(None);
        };
        let now = Instant::now();
        if at > now {
            return Err(Some(at));
        }
        self.visible.pop_first();
        let Some(job) = self.jobs.get_mut(&number) else {
            return Err(Some(now));
        };
        job.attempts += 1;
        job.is_leased = true;
        job.visible_at = now + visibility;
        self.visible.insert((job.visible_at, number));
        Ok(Delivery {
            id: job.id.clone(),
            payload: job.payload.clone(),
            attempt: job.attempts,
            receipt: number.to_string(),
        })
    }

    fn remove(&mut self, delivery: &Delivery) -> Option<Job> {
        let number = delivery.receipt.parse().ok()?;
        let job = self.jobs.remove(&number)?;
        self.numbers.remove(&job.id);
        self.visible.remove(&(job.visible_at, number));
        Some(job)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn push(&self, id: &JobId, payload: Bytes) -> Result<(), QueueError> {
        self.state().add(id.clone(), payload, &self.options)?;
        self.changed.notify_waiters();
        Ok(())
    }

    async fn pull(&self, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        let end = Instant::now() + wait;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change in between is missed.
            changed.as_mut().enable();
            let next = match self.state().lease(self.options.visibility) {
                Ok(delivery) => return Ok(Some(delivery)),
                Err(next) => next,
            };
            let until = next.map_or(end, |next| next.min(end));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until) => {
                    if Instant::now() >= end {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn extend(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.show_at(delivery, Instant::now() + self.options.visibility);
        Ok(())
    }

    async fn complete(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.state().remove(delivery);
        Ok(())
    }

    async fn retry(&self, delivery: &Delivery, pause: Duration) -> Result<(), QueueError> {
        self.show_at(delivery, Instant::now() + pause);
        Ok(())
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        let mut state = self.state();
        if state.dead.len() >= self.options.dead_max as usize {
            return Err(QueueError::Full);
        }
        if let Some(job) = state.remove(delivery) {
            let letter = DeadLetter {
                id: job.id,
                payload: job.payload,
                attempts: job.attempts,
                reason: reason.to_owned(),
                buried_at: Timestamp::now(),
            };
            state.next_number += 1;
            let number = state.next_number;
            state.dead.insert(number, letter);
        }
        Ok(())
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let state = self.state();
        Ok(state.dead.values().take(limit).cloned().collect())
    }

    async fn revive(&self, id: &JobId) -> Result<(), QueueError> {
        let mut state = self.state();
        let found = state.dead.iter().find(|(_, letter)| letter.id == *id);
        let (number, payload) = found
            .map(|(number, letter)| (*number, letter.payload.clone()))
            .ok_or(QueueError::NotFound)?;
        state.add(id.clone(), payload, &self.options)?;
        state.dead.remove(&number);
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        let state = self.state();
        let leased = state.jobs.values().filter(|job| job.is_leased);
        Ok(QueueStats {
            jobs: state.jobs.len() as u64,
            leased: leased.count() as u64,
            dead: state.dead.len() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::queue::contract;

    #[tokio::test]
    async fn satisfies_contract() {
        let mut opened = 0;
        contract::holds(async |options| {
            opened += 1;
            Arc::new(MemoryQueue::new(options)) as Arc<dyn Queue>
        })
        .await;
        assert!(opened > 1);
    }
}
