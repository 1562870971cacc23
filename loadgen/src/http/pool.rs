//! The HTTP/2 connections of a run, and which users share which.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::OnceCell;

use crate::connect::{Protocol, ResolvedTarget, dial, shake_hands};
use crate::failure::Failure;

/// How many requests in a row are given up before their connection is.
const MOST_UNANSWERED: usize = 3;

/// The HTTP/2 connections of a run.
///
/// A user joins a connection when it first sends, and keeps its seat until the connection ends. As
/// a user has one request on its way at a time, there are never more streams than users.
#[derive(Debug)]
pub(crate) struct Pool {
    lines: Mutex<Vec<Arc<Line>>>,
    users_each: usize,
    most: Option<usize>,
}

impl Pool {
    /// A pool whose connections are shared by `users_each` users, or of `most` connections that are
    /// shared by all of them.
    pub(crate) fn new(users_each: u32, most: Option<u32>) -> Self {
        let count = |n: u32| usize::try_from(n.max(1)).unwrap_or(usize::MAX);
        Self {
            lines: Mutex::default(),
            users_each: count(users_each),
            most: most.map(count),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        // Every change to the list is complete before the lock is let go, even by a panic.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all connections; those that nobody has a seat on are closed.
    pub(crate) fn clear(&self) {
        self.lines().clear();
    }

    /// Takes a seat for a user: on the newest connection that has room, or else on a new one. Where
    /// the number of connections is bounded, they fill evenly.
    pub(crate) fn join(&self) -> Seat {
        let mut lines = self.lines();
        lines.retain(|line| !line.is_ended());
        let found = match self.most {
            Some(most) if lines.len() < most => None,
            Some(_) => lines.iter().min_by_key(|line| line.members()),
            None => lines
                .iter()
                .rev()
                .find(|line| line.members() < line.room(self.users_each)),
        };
        let line = found.map(Arc::clone).unwrap_or_else(|| {
            let line = Arc::new(Line::default());
            lines.push(Arc::clone(&line));
            line
        });
        line.members.fetch_add(1, Ordering::Relaxed);
        Seat { line, sender: None }
    }

    /// Tells whether more users share a connection than the service allows streams at a time.
    pub(crate) fn is_crowded(&self, line: &Line) -> bool {
        self.most.is_none() && line.members() > line.room(self.users_each)
    }
}

/// A connection that users share.
#[derive(Debug, Default)]
pub(crate) struct Line {
    sender: OnceCell<SendRequest<Bytes>>,
    members: AtomicUsize,
    /// Requests given up unanswered since the last answer.
    unanswered: AtomicUsize,
    ended: Arc<AtomicBool>,
}

impl Line {
    fn members(&self) -> usize {
        self.members.load(Ordering::Relaxed)
    }

    /// How many users may share it: as the service says, once it has.
    fn room(&self, users_each: usize) -> usize {
        let allowed = self
            .sender
            .get()
            .map_or(usize::MAX, SendRequest::current_max_send_streams);
        users_each.min(allowed.max(1))
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Sends nothing more over it; what is on its way may still be answered.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// An answer has come.
    pub(crate) fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// A request was given up. After a few, and no answer to any other in between, the connection is
    /// taken to be dead, as one of HTTP/1.1 is after every timeout.
    pub(crate) fn went_unanswered(&self) {
        let unanswered = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if unanswered >= self.members().min(MOST_UNANSWERED) {
            self.end();
        }
    }
}

/// A user's share of a connection.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) line: Arc<Line>,
    sender: Option<SendRequest<Bytes>>,
}

impl Seat {
    /// What sends; opens the connection where nobody has done so, or waits for the user who does.
    pub(crate) async fn sender(
        &mut self,
        target: &ResolvedTarget,
    ) -> Result<&mut SendRequest<Bytes>, Failure> {
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => {
                let line = &self.line;
                let opened = line
                    .sender
                    .get_or_try_init(|| open(target, Arc::clone(&line.ended)))
                    .await?;
                target.dials.shared_by(line.members());
                opened.clone()
            }
        };
        Ok(self.sender.insert(sender))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.line.members.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens a connection, and sets a task to read and write it for as long as it lasts.
async fn open(
    target: &ResolvedTarget,
    ended: Arc<AtomicBool>,
) -> Result<SendRequest<Bytes>, Failure> {
    let dialled = dial(target).await?;
    if dialled.protocol != Protocol::Http2 {
        target.dials.broke(
            Failure::Tls,
            "the service did not agree on HTTP/2 for this connection as it had for the first",
        );
        return Err(Failure::Tls);
    }
    let (sender, connection) = shake_hands(dialled.stream)
        .await
        .map_err(|(failure, words)| {
            target.dials.broke(failure, &words);
            failure
        })?;
    tokio::spawn(async move {
        // How it ended is told to everybody who has a stream on it.
        let _ = connection.await;
        ended.store(true, Ordering::Relaxed);
    });
    Ok(sender)
}
