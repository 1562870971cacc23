//! Connection for the duration of one attempt.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mysql_async::Conn;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::failure::Failure;

/// Timeout of connecting: five round trips, and with TLS some milliseconds of CPU on the server, which many
/// clients may need at once.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Connection with its slot. No `Debug`, because it would print the password.
pub(super) struct Lease<'a> {
    connection: Conn,
    /// True if connected outside the pool, which then does not take it back.
    fresh: bool,
    _slot: SemaphorePermit<'a>,
}

impl<'a> Lease<'a> {
    pub(super) fn new(connection: Conn, fresh: bool, slot: SemaphorePermit<'a>) -> Self {
        Self {
            connection,
            fresh,
            _slot: slot,
        }
    }

    /// Returns the connection to the pool, or closes it if the outcome casts doubt on it.
    pub(super) async fn settle<T>(self, outcome: &Result<T, Failure>) {
        if self.fresh || outcome.as_ref().is_err_and(Failure::is_connection_failure) {
            self.close().await;
        }
    }

    /// Closes the connection in any state. The server rolls back an open transaction.
    pub(super) async fn close(self) {
        // The first poll marks it as closed. If the quit command cannot be sent at once, it is not waited
        // for: the server may be gone.
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

/// Runs `work` with a timeout. `action` names it in the failure.
pub(super) async fn within<T>(
    limit: Duration,
    action: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::Slow(action, limit)),
    }
}
