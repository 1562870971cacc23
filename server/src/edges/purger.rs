//! Purges of responses, sent to each edge.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Edge, EdgeOptions, KEPT, keys, resolver};
use crate::store::StoreError;

/// Purges that wait for one edge, at most.
const WAITING_MAX: usize = 10_000;
/// Keys of one call, at most.
const KEYS_MAX: usize = 100;
/// Time that an edge's own call of the service may take, beside the staleness of the caches.
const FETCH_TIME: Duration = Duration::from_millis(200);
/// Pause after a failed call, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Responses to remove from the edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purge {
    /// Those with this key have changed. An edge may still use them while the service is away.
    Changed(String),
    /// Those with this key are gone.
    Gone(String),
}

impl Purge {
    /// Returns the key.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Changed(key) | Self::Gone(key) => key,
        }
    }

    /// Returns whether the responses are gone.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}

/// A purge in a queue.
#[derive(Clone, Debug)]
struct Waiting {
    purge: Purge,
    due: Instant,
    /// Time from which on no edge has the responses any more.
    until: Instant,
}

/// Queues of one edge.
struct Queues {
    /// Purges that are due.
    now: Sender<Waiting>,
    /// The same purges once more, a fixed time later.
    again: Sender<Waiting>,
    /// A purge found no room. Then everything is purged instead.
    overflowed: Arc<AtomicBool>,
}

/// Purges of responses, sent to each edge in the background. Dropping it ends that.
pub(crate) struct Purger {
    edges: Vec<Queues>,
    again_after: Duration,
}

impl fmt::Debug for Purger {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purger")
            .field("edges", &self.edges.len())
            .finish_non_exhaustive()
    }
}

impl Purger {
    /// Starts to send purges. `staleness` is that of the caches behind the edges.
    ///
    /// # Errors
    /// `Invalid` if a URL or the key is invalid, or the feature was not compiled in.
    pub(crate) fn start(options: &EdgeOptions, staleness: Duration) -> Result<Self, StoreError> {
        let mut edges = Vec::new();
        for url in &options.urls {
            let edge = resolver::resolve(url, options.key.as_deref().unwrap_or_default())?;
            let (now, due) = mpsc::channel(WAITING_MAX);
            let (again, later) = mpsc::channel(WAITING_MAX);
            let overflowed = Arc::new(AtomicBool::new(false));
            for queue in [due, later] {
                tokio::spawn(send(Arc::clone(&edge), queue, Arc::clone(&overflowed)));
            }
            edges.push(Queues {
                now,
                again,
                overflowed,
            });
        }
        Ok(Self {
            edges,
            again_after: staleness + FETCH_TIME,
        })
    }

    /// Purges responses from all edges, soon.
    pub(crate) fn purge(&self, purge: Purge) {
        let now = Instant::now();
        for edge in &self.edges {
            for (queue, due) in [(&edge.now, now), (&edge.again, now + self.again_after)] {
                let waiting = Waiting {
                    purge: purge.clone(),
                    due,
                    until: due + KEPT,
                };
                if queue.try_send(waiting).is_err() {
                    edge.overflowed.store(true, Ordering::Release);
                }
            }
        }
    }
}

/// Sends the purges of a queue to an edge until the queue is closed.
async fn send(edge: Arc<dyn Edge>, mut queue: Receiver<Waiting>, overflowed: Arc<AtomicBool>) {
    let mut held = None;
    loop {
        let next = match held.take() {
            Some(next) => Some(next),
            None => queue.recv().await,
        };
        let Some(first) = next else {
            return;
        };
        sleep_until(first.due).await;
        let now = Instant::now();
        let mut batch = vec![first];
        while batch.len() < KEYS_MAX {
            match queue.try_recv() {
                Ok(waiting) if waiting.due <= now => batch.push(waiting),
                Ok(waiting) => {
                    held = Some(waiting);
                    break;
                }
                Err(_) => break,
            }
        }
        deliver(&*edge, &batch, &overflowed).await;
    }
}

/// Sends purges until the edge has accepted them, or can't have the responses any more.
async fn deliver(edge: &dyn Edge, batch: &[Waiting], overflowed: &AtomicBool) {
    let keys = |is_gone| {
        let own = batch.iter().map(|own| &own.purge);
        let own = own.filter(|own| own.is_gone() == is_gone);
        own.map(Purge::key).collect::<Vec<_>>().join(" ")
    };
    let (changed, mut gone) = (keys(false), keys(true));
    let until = batch.iter().map(|own| own.until).max();
    let mut pause = PAUSE.0;
    loop {
        let is_all = overflowed.swap(false, Ordering::AcqRel);
        if is_all {
            // One of those that were lost may be of a deleted post.
            gone = keys::ALL.to_owned();
        }
        match edge.purge(&changed, &gone).await {
            Ok(()) => {
                if pause > PAUSE.0 {
                    tracing::info!(?edge, "an edge accepts purges again");
                }
                return;
            }
            Err(error) => {
                overflowed.fetch_or(is_all, Ordering::AcqRel);
                if pause == PAUSE.0 {
                    tracing::warn!(?edge, %error, "could not purge an edge; trying again");
                }
                if until.is_none_or(|until| Instant::now() >= until) {
                    return;
                }
                sleep(pause).await;
                pause = (2 * pause).min(PAUSE.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// Edge that records purges, and fails at first.
    #[derive(Debug, Default)]
    struct Recorder {
        failures: Mutex<u32>,
        purged: Mutex<Vec<(Instant, String, String)>>,
    }

    #[async_trait]
    impl Edge for Recorder {
        async fn purge(&self, changed: &str, gone: &str) -> Result<(), StoreError> {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(StoreError::Unavailable("away".to_owned()));
            }
            let purged = (Instant::now(), changed.to_owned(), gone.to_owned());
            self.purged.lock().unwrap().push(purged);
            Ok(())
        }
    }

    fn started(edge: &Arc<Recorder>, room: usize) -> Purger {
        let (now, due) = mpsc::channel(room);
        let (again, later) = mpsc::channel(room);
        let overflowed = Arc::new(AtomicBool::new(false));
        for queue in [due, later] {
            let edge: Arc<dyn Edge> = edge.clone();
            tokio::spawn(send(edge, queue, Arc::clone(&overflowed)));
        }
        Purger {
            edges: vec![Queues {
                now,
                again,
                overflowed,
            }],
            again_after: Duration::from_secs(1),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn purges_at_once_and_again_after_the_staleness() {
        let edge = Arc::new(Recorder::default());
        let purger = started(&edge, 100);
        let began = Instant::now();
        purger.purge(Purge::Changed("post:1".to_owned()));
        purger.purge(Purge::Gone("post:2".to_owned()));
        sleep(Duration::from_secs(5)).await;
        let purged = edge.purged.lock().unwrap();
        let seen: Vec<_> = purged
            .iter()
            .map(|(at, changed, gone)| {
                (at.duration_since(began).as_secs(), &changed[..], &gone[..])
            })
            .collect();
        assert_eq!(seen, [(0, "post:1", "post:2"), (1, "post:1", "post:2")]);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_purge_is_repeated_until_nothing_is_kept() {
        let edge = Arc::new(Recorder::default());
        *edge.failures.lock().unwrap() = 12;
        let purger = started(&edge, 100);
        purger.purge(Purge::Changed("post:1".to_owned()));
        sleep(Duration::from_secs(30)).await;
        assert_eq!(edge.purged.lock().unwrap().len(), 2);
        *edge.failures.lock().unwrap() = u32::MAX;
        purger.purge(Purge::Changed("post:2".to_owned()));
        sleep(3 * KEPT).await;
        *edge.failures.lock().unwrap() = 0;
        sleep(3 * KEPT).await;
        assert_eq!(edge.purged.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn everything_is_purged_if_there_is_no_room() {
        let edge = Arc::new(Recorder::default());
        *edge.failures.lock().unwrap() = 8;
        let purger = started(&edge, 2);
        for number in 0..50 {
            purger.purge(Purge::Changed(format!("post:{number}")));
        }
        sleep(Duration::from_secs(30)).await;
        let purged = edge.purged.lock().unwrap();
        assert!(
            purged.iter().any(|(_, _, gone)| gone == keys::ALL),
            "{purged:?}"
        );
    }
}
