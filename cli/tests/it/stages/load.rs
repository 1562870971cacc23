//! Readers and writers of a stage, which record acknowledged and failed requests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::stage::{Stage, User};

/// Interval between the reads of a reader.
const READ_EVERY: Duration = Duration::from_millis(80);

/// Interval between the writes of a writer.
const WRITE_EVERY: Duration = Duration::from_millis(200);

const READERS: u64 = 8;
const WRITERS: u64 = 3;

/// Result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) is_write: bool,
    /// Error of a failed request.
    pub(crate) failure: Option<String>,
}

/// Running readers and writers.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    number: AtomicU64,
    outcomes: Mutex<Vec<Outcome>>,
    acknowledged: Mutex<BTreeMap<u64, String>>,
}

impl Load {
    /// Starts about 115 requests a second, 15 of them writes.
    pub(crate) async fn begin(stage: &Stage) -> Self {
        let shared = Arc::<Shared>::default();
        let mut tasks = Vec::new();
        for index in 0..READERS {
            let user = User::new(stage, &format!("reader_{index}")).await;
            tasks.push(tokio::spawn(read(user, index, shared.clone())));
        }
        for index in 0..WRITERS {
            let user = User::new(stage, &format!("writer_{index}")).await;
            tasks.push(tokio::spawn(write(user, shared.clone())));
        }
        Self { shared, tasks }
    }

    /// Returns the results of requests that started within a time.
    pub(crate) fn outcomes(&self, from: Instant, until: Instant) -> Vec<Outcome> {
        let outcomes = self.shared.outcomes.lock().unwrap();
        outcomes
            .iter()
            .filter(|outcome| (from..until).contains(&outcome.began))
            .cloned()
            .collect()
    }

    /// Returns the time from `since` to the first acknowledgement of a later write.
    pub(crate) async fn writes_again(&self, from: Instant, patience: Duration) -> Option<Duration> {
        self.again(from, patience, true).await
    }

    /// Returns the time from `since` to the first response of a later read.
    pub(crate) async fn reads_again(&self, from: Instant, patience: Duration) -> Option<Duration> {
        self.again(from, patience, false).await
    }

    async fn again(&self, from: Instant, patience: Duration, write: bool) -> Option<Duration> {
        while from.elapsed() < patience {
            let outcomes = self.outcomes(from, Instant::now());
            let first = outcomes
                .iter()
                .filter(|outcome| outcome.is_write == write && outcome.failure.is_none())
                .map(|outcome| outcome.ended)
                .min();
            if let Some(first) = first {
                return Some(first - from);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// Stops, and returns the acknowledged posts.
    pub(crate) async fn end(self) -> BTreeMap<u64, String> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let acknowledged = self.shared.acknowledged.lock().unwrap();
        acknowledged.clone()
    }
}

/// Reads every acknowledged post, and returns the posts with different content.
pub(crate) async fn lost(
    user: &User,
    acknowledged: &BTreeMap<u64, String>,
) -> Vec<(u64, Option<String>)> {
    let mut lost = Vec::new();
    for (post, content) in acknowledged {
        let found = user.content(*post).await.unwrap();
        if found.as_ref() != Some(content) {
            lost.push((*post, found));
        }
    }
    lost
}

async fn read(user: User, index: u64, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(READ_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut number = index;
    while !shared.is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let post = 1 + (number >> 33) % 200;
        let began = Instant::now();
        let failure = match user.content(post).await {
            Ok(Some(_)) => None,
            Ok(None) => Some(format!("post {post} is not there")),
            Err(error) => Some(error),
        };
        shared.note(began, false, failure);
    }
}

async fn write(user: User, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !shared.is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let content = format!("post {}", shared.number.fetch_add(1, Ordering::Relaxed));
        let began = Instant::now();
        let failure = match user.post(&content).await {
            Ok(post) => {
                let mut acknowledged = shared.acknowledged.lock().unwrap();
                let earlier = acknowledged.insert(post, content);
                assert_eq!(earlier, None, "{post} was given twice");
                None
            }
            Err(error) => Some(error),
        };
        shared.note(began, true, failure);
    }
}

impl Shared {
    fn note(&self, began: Instant, is_write: bool, failure: Option<String>) {
        self.outcomes.lock().unwrap().push(Outcome {
            began,
            ended: Instant::now(),
            is_write,
            failure,
        });
    }
}
