//! The pool of HTTP/2 connections that users share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::OnceCell;

use crate::connect::{Protocol, ResolvedTarget, dial, shake_hands};
use crate::failure::Failure;

/// Consecutive timeouts after which a connection is given up.
const UNANSWERED_MAX: usize = 3;

/// The pool of HTTP/2 connections to one target.
///
/// A user joins a connection when it first sends and stays until that connection ends. Each user has
/// one request in flight at a time, so there are never more streams than users.
#[derive(Debug)]
pub(crate) struct Pool {
    connections: Mutex<Vec<Arc<SharedConnection>>>,
    users_per_connection: usize,
    connections_max: Option<usize>,
}

impl Pool {
    /// Creates a pool in which `users_per_connection` users share a connection, or, with
    /// `connections_max`, all users share that many.
    pub(crate) fn new(users_per_connection: u32, connections_max: Option<u32>) -> Self {
        let count = |n: u32| usize::try_from(n.max(1)).unwrap_or(usize::MAX);
        Self {
            connections: Mutex::default(),
            users_per_connection: count(users_per_connection),
            connections_max: connections_max.map(count),
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<SharedConnection>>> {
        // Changes are complete before the lock is released, even by a panic.
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Empties the pool. Connections without members are closed.
    pub(crate) fn clear(&self) {
        self.connections().clear();
    }

    /// Adds a user to the newest connection with room, or to a new one. If the number of connections
    /// is limited, they fill evenly.
    pub(crate) fn join(&self) -> Membership {
        let mut connections = self.connections();
        connections.retain(|connection| !connection.is_ended());
        let found = match self.connections_max {
            Some(max) if connections.len() < max => None,
            Some(_) => connections
                .iter()
                .min_by_key(|connection| connection.members()),
            None => connections.iter().rev().find(|connection| {
                connection.members() < connection.room(self.users_per_connection)
            }),
        };
        let connection = found.map(Arc::clone).unwrap_or_else(|| {
            let connection = Arc::new(SharedConnection::default());
            connections.push(Arc::clone(&connection));
            connection
        });
        connection.members.fetch_add(1, Ordering::Relaxed);
        Membership {
            connection,
            sender: None,
        }
    }

    /// Returns true if more users share a connection than the service allows concurrent streams.
    pub(crate) fn is_crowded(&self, connection: &SharedConnection) -> bool {
        self.connections_max.is_none()
            && connection.members() > connection.room(self.users_per_connection)
    }
}

/// A connection that users share.
#[derive(Debug, Default)]
pub(crate) struct SharedConnection {
    sender: OnceCell<SendRequest<Bytes>>,
    members: AtomicUsize,
    /// Requests that timed out since the last answer.
    unanswered: AtomicUsize,
    has_answered: AtomicBool,
    ended: Arc<AtomicBool>,
}

impl SharedConnection {
    fn members(&self) -> usize {
        self.members.load(Ordering::Relaxed)
    }

    /// The number of users that may share it: `users_per_connection`, or fewer if the service allows fewer
    /// streams.
    fn room(&self, users_per_connection: usize) -> usize {
        let allowed = self
            .sender
            .get()
            .map_or(usize::MAX, SendRequest::current_max_send_streams);
        users_per_connection.min(allowed.max(1))
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Sends no further request on it. Requests in flight may still be answered.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Notes an answer.
    pub(crate) fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
        self.has_answered.store(true, Ordering::Relaxed);
    }

    /// Returns true if it has carried an answer.
    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// Notes a timeout. After a few in a row the connection is considered dead, as an HTTP/1.1
    /// connection is after every timeout.
    pub(crate) fn timed_out(&self) {
        let unanswered = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if unanswered >= self.members().min(UNANSWERED_MAX) {
            self.end();
        }
    }
}

/// A user's membership of a connection.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) connection: Arc<SharedConnection>,
    sender: Option<SendRequest<Bytes>>,
}

impl Membership {
    /// A membership of a new connection that no pool contains: nobody else joins it.
    pub(crate) fn alone() -> Self {
        let connection = Arc::new(SharedConnection::default());
        connection.members.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            sender: None,
        }
    }

    /// The sending half. Opens the connection if no member has, or waits for the member that does.
    ///
    /// # Errors
    /// If the connection can't be opened.
    pub(crate) async fn sender(
        &mut self,
        target: &ResolvedTarget,
    ) -> Result<&mut SendRequest<Bytes>, Failure> {
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => {
                let connection = &self.connection;
                let opened = connection
                    .sender
                    .get_or_try_init(|| open(target, Arc::clone(&connection.ended)))
                    .await?;
                target.dials.shared_by(connection.members());
                opened.clone()
            }
        };
        Ok(self.sender.insert(sender))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.connection.members.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens a connection, and spawns a task that drives it until it ends.
async fn open(
    target: &ResolvedTarget,
    ended: Arc<AtomicBool>,
) -> Result<SendRequest<Bytes>, Failure> {
    let dialed = dial(target).await?;
    if dialed.protocol != Protocol::Http2 {
        target.dials.keep_error(
            Failure::Tls,
            "the service did not agree to HTTP/2 on this connection as it did on the first",
        );
        return Err(Failure::Tls);
    }
    let (sender, connection) = shake_hands(dialed.stream)
        .await
        .map_err(|(failure, reason)| {
            target.dials.keep_error(failure, &reason);
            failure
        })?;
    tokio::spawn(async move {
        // Every open stream reports how it ended.
        let _ = connection.await;
        ended.store(true, Ordering::Relaxed);
    });
    Ok(sender)
}
