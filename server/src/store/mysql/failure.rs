//! Failures of MySQL, and their mapping to store errors.

use std::io;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::store::StoreError;

/// Failure of one attempt.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the store itself. Retrying is useless.
    Store(StoreError),
    /// An error of the driver or the server. Nothing was committed.
    Driver(Error),
    /// A timeout of this action. Nothing was committed.
    Slow(&'static str, Duration),
    /// The outcome of a commit is unknown: its response was lost or inconclusive.
    Uncertain(Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl Failure {
    /// Classifies a failed commit. Only a deadlock error proves that the transaction was rolled back. With
    /// Galera, a commit gets it if another server's transaction was certified first.
    pub(crate) fn of_commit(error: Error) -> Self {
        if is_rolled_back(&error) {
            Self::Driver(error)
        } else {
            Self::Uncertain(error)
        }
    }

    /// Returns true if the server rolled the transaction back in favour of another.
    pub(crate) fn is_rolled_back(&self) -> bool {
        matches!(self, Self::Driver(error) if is_rolled_back(error))
    }

    /// Returns true if the key exists.
    pub(super) fn is_duplicate_key(&self) -> bool {
        matches!(
            self,
            Self::Driver(Error::Server(ServerError { code: 1062, .. }))
        )
    }

    /// Returns true if the failure may pass within seconds, as a failover does, and nothing was committed:
    /// the same may be retried on another connection.
    pub(super) fn is_retryable(&self) -> bool {
        self.is_connection_failure() && !matches!(self, Self::Uncertain(_))
    }

    /// Returns true if the connection or its server may be at fault, so that another connection may succeed.
    pub(super) fn is_connection_failure(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Slow(..) | Self::Uncertain(_) => true,
            Self::Driver(Error::Io(error)) => !is_tls_failure(error),
            Self::Driver(Error::Driver(error)) => matches!(
                error,
                DriverError::ConnectionClosed | DriverError::PacketOutOfOrder
            ),
            Self::Driver(Error::Server(ServerError { code, .. })) => matches!(
                code,
                // Too many connections; Galera node outside the primary component; shutting down; lock
                // wait timeout (with Galera, also for writes of other nodes); read-only, as a standby
                // is; connection killed.
                1040 | 1047 | 1053 | 1205 | 1290 | 1836 | 1927
            ),
            Self::Driver(_) => false,
        }
    }
}

#[cfg(test)]
impl Failure {
    /// Creates the failure for a server error code.
    pub(super) fn server(code: u16) -> Self {
        Self::Driver(Error::Server(ServerError {
            code,
            message: "planted".to_owned(),
            state: "HY000".to_owned(),
        }))
    }
}

fn is_rolled_back(error: &Error) -> bool {
    matches!(error, Error::Server(ServerError { code: 1213, .. }))
}

/// Returns true if TLS failed, for example because of an untrusted certificate. Retrying is useless.
fn is_tls_failure(error: &IoError) -> bool {
    match error {
        IoError::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        IoError::Tls(_) => true,
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Driver(error) => failed(&error),
            Failure::Slow(action, limit) => {
                StoreError::Unavailable(format!("mysql: {action} took longer than {limit:?}"))
            }
            Failure::Uncertain(error) => StoreError::Unavailable(format!(
                "mysql: unknown whether this was committed: {error}"
            )),
        }
    }
}

/// Converts an error. The codes are from the MySQL and MariaDB references.
fn failed(error: &Error) -> StoreError {
    match error {
        Error::Server(ServerError { code, message, .. }) => {
            let text = format!("mysql: {message} ({code})");
            match code {
                // Foreign keys refer to users and posts only.
                1216 | 1452 => StoreError::NotFound,
                1062 => StoreError::Conflict("it exists already".to_owned()),
                // The disk or the table is full; 28 is ENOSPC from the storage engine.
                3 | 1021 | 1041 | 1114 => StoreError::Full(text),
                1026 | 1030 if message.contains("28") => StoreError::Full(text),
                // Too many connections, Galera node not ready, shutting down, killed, limits, lock wait,
                // deadlock, read-only, statement timeout.
                1040 | 1047 | 1053 | 1203 | 1205 | 1213 | 1226 | 1290 | 1317 | 1792 | 1836
                | 1927 | 1969 | 3024 => StoreError::Unavailable(text),
                _ => StoreError::Other(text),
            }
        }
        Error::Io(error) if is_tls_failure(error) => StoreError::Other(format!(
            "mysql: could not establish trusted TLS ({error}); check `ssl_ca` and the host of the URL"
        )),
        Error::Io(error) => StoreError::Unavailable(format!("mysql: {error}")),
        Error::Driver(
            error @ (DriverError::ConnectionClosed
            | DriverError::PoolDisconnected
            | DriverError::PacketOutOfOrder),
        ) => StoreError::Unavailable(format!("mysql: {error}")),
        error => StoreError::Other(format!("mysql: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retryable_failures_are_unavailable() {
        for code in [1040, 1047, 1053, 1205, 1213, 1290, 1836, 1927] {
            let failure = Failure::server(code);
            assert!(failure.is_retryable() || failure.is_rolled_back(), "{code}");
            let error = StoreError::from(failure);
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
    }

    #[test]
    fn only_rolled_back_commit_is_certain() {
        for code in [1021, 1047, 1053, 1180, 1205, 1927] {
            let Failure::Driver(error) = Failure::server(code) else {
                unreachable!("`server` creates driver errors");
            };
            let failure = Failure::of_commit(error);
            assert!(
                !failure.is_retryable() && !failure.is_rolled_back(),
                "{code}"
            );
            let error = StoreError::from(failure);
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
        let Failure::Driver(error) = Failure::server(1213) else {
            unreachable!("`server` creates driver errors");
        };
        assert!(Failure::of_commit(error).is_rolled_back());
    }
}
