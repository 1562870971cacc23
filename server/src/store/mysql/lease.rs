//! A connection for the time of one try.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mysql_async::Conn;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::failure::Failure;

/// How long making a connection may take: five round trips, and with TLS some milliseconds of the
/// server's processor, which many may want at once.
pub(super) const CONNECT_TIME: Duration = Duration::from_millis(1_500);

/// A connection with one of the places that bound how many are in use. (What it prints of itself
/// would hold the password, so it prints nothing.)
pub(super) struct Lease<'a> {
    connection: Conn,
    /// Whether it was made outside of the pool, which does not take it in.
    fresh: bool,
    _place: SemaphorePermit<'a>,
}

impl<'a> Lease<'a> {
    pub(super) fn new(connection: Conn, fresh: bool, place: SemaphorePermit<'a>) -> Self {
        Self {
            connection,
            fresh,
            _place: place,
        }
    }

    /// Gives the connection back, or closes it where the outcome of a try throws doubt on it.
    pub(super) async fn settle<T>(self, outcome: &Result<T, Failure>) {
        if self.fresh || outcome.as_ref().is_err_and(Failure::is_of_the_connection) {
            self.close().await;
        }
    }

    /// Closes the connection, whatever state it is in. The server undoes a transaction that was
    /// under way.
    pub(super) async fn close(self) {
        // It counts as closed from the first poll on, and a farewell that can't be sent at once is
        // not waited for: the server may be gone.
        let _ = timeout(Duration::ZERO, self.connection.disconnect()).await;
    }
}

impl Deref for Lease<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.connection
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.connection
    }
}

/// Waits for no longer than `limit`; `what` is what an answer is waited for to.
pub(super) async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::Slow(what, limit)),
    }
}
