//! Announcer: sends the jobs of feeds to the queue, without delaying requests.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Mutex, mpsc};

use super::{FeedEvent, FeedTask, Feeds, TaskKind};
use crate::model::UserId;
use crate::queue::{Intake, QueueError};

/// Jobs that wait to be sent, at most. Those beyond are left to the workers' look for notes, or to the next read.
const WAITING_MAX: usize = 1_024;
/// Jobs that are sent at once.
const SENDERS: usize = 8;
/// Time for which a feed that was asked for is not asked for again.
const ASKED_TTL: Duration = Duration::from_secs(10);
/// Feeds remembered as asked for.
const ASKED_MAX: u64 = 10_000;

/// Sends the jobs of feeds to the queue.
#[derive(Debug)]
pub(crate) struct Announcer {
    waiting: mpsc::Sender<FeedTask>,
    /// Feeds that were asked for, with their version.
    asked: Cache<(UserId, i64), ()>,
    feeds: Arc<Feeds>,
}

impl Announcer {
    /// Starts to send jobs. Spawns tasks, so it needs a runtime.
    pub(crate) fn start(feeds: Arc<Feeds>, queue: Intake) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (queue, receiver) = (Arc::new(queue), Arc::new(Mutex::new(receiver)));
        for _ in 0..SENDERS {
            let (queue, receiver) = (Arc::clone(&queue), Arc::clone(&receiver));
            let feeds = Arc::clone(&feeds);
            tokio::spawn(async move { send(&receiver, &queue, &feeds).await });
        }
        Self {
            waiting: sender,
            asked: Cache::builder()
                .max_capacity(ASKED_MAX)
                .time_to_live(ASKED_TTL)
                .build(),
            feeds,
        }
    }

    /// Asks workers to do something, if there is room for it.
    pub(crate) fn ask(&self, kind: TaskKind) {
        if let TaskKind::Write { user, version } = kind {
            let key = (user, version);
            if self.asked.contains_key(&key) {
                return;
            }
            self.asked.insert(key, ());
        }
        if self.waiting.try_send(kind.into()).is_err() {
            self.feeds.counters.add(FeedEvent::Unsent);
        }
    }
}

async fn send(receiver: &Mutex<mpsc::Receiver<FeedTask>>, queue: &Intake, feeds: &Feeds) {
    loop {
        // Ends with the announcer.
        let Some(task) = receiver.lock().await.recv().await else {
            return;
        };
        let is_sent = match task.id().zip(task.to_bytes()) {
            Some((id, payload)) => sent(queue.push(&id, payload).await),
            None => false,
        };
        if !is_sent {
            feeds.counters.add(FeedEvent::Unsent);
        }
    }
}

fn sent(pushed: Result<(), QueueError>) -> bool {
    if let Err(error) = &pushed {
        tracing::debug!(%error, "could not send a job of feeds");
    }
    pushed.is_ok()
}
