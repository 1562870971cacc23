//! The HTTP/2 connections of a run, and which users share which.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use tokio::sync::OnceCell;

use crate::address::Address;
use crate::dial::{Protocol, dial};
use crate::failure::Failure;
use crate::stream::Stream;

/// What a stream, and a connection, may have under way towards us before we have read it. Large
/// enough not to slow a service down on one machine or in one data centre.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// The largest head of an answer.
const MOST_HEAD_BYTES: u32 = 256 << 10;

/// How many streams that were given up are remembered, so that what still comes of them is told
/// from nonsense.
const REMEMBERED_STREAMS: usize = 1_024;

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
    pub(super) fn join(&self) -> Seat {
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
    pub(super) fn is_crowded(&self, line: &Line) -> bool {
        self.most.is_none() && line.members() > line.room(self.users_each)
    }
}

/// A connection that users share.
#[derive(Debug, Default)]
pub(super) struct Line {
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

    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Sends nothing more over it; what is on its way may still be answered.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// An answer has come.
    pub(super) fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// A request was given up. After a few, and no answer to any other in between, the connection is
    /// taken to be dead, as one of HTTP/1.1 is after every timeout.
    pub(super) fn went_unanswered(&self) {
        let unanswered = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if unanswered >= self.members().min(MOST_UNANSWERED) {
            self.end();
        }
    }
}

/// A user's share of a connection.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) line: Arc<Line>,
    sender: Option<SendRequest<Bytes>>,
}

impl Seat {
    /// What sends; opens the connection where nobody has done so, or waits for the user who does.
    pub(super) async fn sender(
        &mut self,
        address: &Address,
    ) -> Result<&mut SendRequest<Bytes>, Failure> {
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => {
                let line = &self.line;
                let opened = line
                    .sender
                    .get_or_try_init(|| open(address, Arc::clone(&line.ended)))
                    .await?;
                address.dials.shared_by(line.members());
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
async fn open(address: &Address, ended: Arc<AtomicBool>) -> Result<SendRequest<Bytes>, Failure> {
    let dialled = dial(address).await?;
    if dialled.protocol != Protocol::Http2 {
        address.dials.broke(
            Failure::Tls,
            "the service did not agree on HTTP/2 for this connection as it had for the first",
        );
        return Err(Failure::Tls);
    }
    let (sender, connection) = shake_hands(dialled.stream)
        .await
        .map_err(|(failure, words)| {
            address.dials.broke(failure, &words);
            failure
        })?;
    tokio::spawn(async move {
        // How it ended is told to everybody who has a stream on it.
        let _ = connection.await;
        ended.store(true, Ordering::Relaxed);
    });
    Ok(sender)
}

/// Begins HTTP/2 on a stream, and waits until the service has told its settings: it may allow fewer
/// streams at a time than we would open. Fails with a class and with words.
pub(crate) async fn shake_hands(
    stream: Stream,
) -> Result<(SendRequest<Bytes>, Connection<Stream, Bytes>), (Failure, String)> {
    let told = |error: h2::Error| {
        let failure = match error.get_io() {
            Some(error) if error.kind() == std::io::ErrorKind::InvalidData => Failure::Tls,
            Some(_) => Failure::Connection,
            None if error.is_library() => Failure::Malformed,
            None => Failure::Connection,
        };
        (failure, error.to_string())
    };
    let (sender, mut connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MOST_HEAD_BYTES)
        .max_concurrent_reset_streams(REMEMBERED_STREAMS)
        .enable_push(false)
        // None, until the service says otherwise.
        .initial_max_send_streams(0)
        .handshake(stream)
        .await
        .map_err(told)?;
    poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        match polled {
            _ if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) => Poll::Ready(Err((
                Failure::Connection,
                "the service closed the connection before it told its settings".to_owned(),
            ))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(told(error))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await?;
    Ok((sender, connection))
}
