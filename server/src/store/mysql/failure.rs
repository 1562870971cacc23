//! What a failure of MySQL means to the caller.

use std::io;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::store::StoreError;

/// Why a try did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service's own reason; trying again is of no use.
    Store(StoreError),
    /// The driver's or server's reason. Nothing was committed.
    Driver(Error),
    /// What took longer than it may. Nothing was committed.
    Slow(&'static str, Duration),
    /// The answer to a commit was lost, or leaves open what became of it: the transaction may have
    /// been committed or not.
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
    /// What the failure of a commit means. One answer says for certain that the transaction was
    /// undone; with Galera a commit gets it where another server's transaction was certified first.
    pub(super) fn of_commit(error: Error) -> Self {
        if is_undone(&error) {
            Self::Driver(error)
        } else {
            Self::Uncertain(error)
        }
    }

    /// Whether the server undid the transaction for the sake of another and asks to try again.
    pub(super) fn is_undone(&self) -> bool {
        matches!(self, Self::Driver(error) if is_undone(error))
    }

    /// Whether the key is there already.
    pub(super) fn is_taken(&self) -> bool {
        matches!(
            self,
            Self::Driver(Error::Server(ServerError { code: 1062, .. }))
        )
    }

    /// Whether it may pass by itself within seconds, as a failover does, and nothing was committed: so
    /// the same may be tried again, on another connection.
    pub(super) fn is_passing(&self) -> bool {
        self.is_of_the_connection() && !matches!(self, Self::Uncertain(_))
    }

    /// Whether the connection or the server behind it is to be doubted, so that another connection
    /// may fare better.
    pub(super) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Slow(..) | Self::Uncertain(_) => true,
            Self::Driver(Error::Io(error)) => !is_distrust(error),
            Self::Driver(Error::Driver(error)) => matches!(
                error,
                DriverError::ConnectionClosed | DriverError::PacketOutOfOrder
            ),
            Self::Driver(Error::Server(ServerError { code, .. })) => matches!(
                code,
                // Too many connections; a Galera node that does not, or not yet, belong to the part
                // of the cluster that decides; shutting down; a lock, or with Galera another node's
                // writes, waited for too long; read-only, as a standby is; connection killed.
                1040 | 1047 | 1053 | 1205 | 1290 | 1836 | 1927
            ),
            Self::Driver(_) => false,
        }
    }
}

#[cfg(test)]
impl Failure {
    /// What a server answers with this number.
    pub(super) fn server(code: u16) -> Self {
        Self::Driver(Error::Server(ServerError {
            code,
            message: "told".to_owned(),
            state: "HY000".to_owned(),
        }))
    }
}

fn is_undone(error: &Error) -> bool {
    matches!(error, Error::Server(ServerError { code: 1213, .. }))
}

/// Whether one side does not trust the other or does not speak its TLS: that does not pass.
fn is_distrust(error: &IoError) -> bool {
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
            Failure::Slow(what, limit) => {
                StoreError::Unavailable(format!("mysql: {what} took longer than {limit:?}"))
            }
            Failure::Uncertain(error) => StoreError::Unavailable(format!(
                "mysql: it is not known whether this was stored: {error}"
            )),
        }
    }
}

/// Translates a failure. The numbers are those of MySQL's and MariaDB's error references.
fn failed(error: &Error) -> StoreError {
    match error {
        Error::Server(ServerError { code, message, .. }) => {
            let text = format!("mysql: {message} ({code})");
            match code {
                // The only references are to users and posts.
                1216 | 1452 => StoreError::NotFound,
                1062 => StoreError::Conflict("it exists already".to_owned()),
                // The disk or the table is full; 28 is ENOSPC from the storage engine.
                3 | 1021 | 1041 | 1114 => StoreError::Full(text),
                1026 | 1030 if message.contains("28") => StoreError::Full(text),
                // Too many connections, a Galera node that is not ready, shutting down, killed,
                // limits, lock wait, deadlock, read-only, statement timeout.
                1040 | 1047 | 1053 | 1203 | 1205 | 1213 | 1226 | 1290 | 1317 | 1792 | 1836
                | 1927 | 1969 | 3024 => StoreError::Unavailable(text),
                _ => StoreError::Other(text),
            }
        }
        Error::Io(error) if is_distrust(error) => StoreError::Other(format!(
            "mysql: no TLS that can be trusted ({error}); check `ssl_ca` and the URL's host"
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
    fn what_passes_is_unavailable() {
        for code in [1040, 1047, 1053, 1205, 1213, 1290, 1836, 1927] {
            let failure = Failure::server(code);
            assert!(failure.is_passing() || failure.is_undone(), "{code}");
            let error = StoreError::from(failure);
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
    }

    #[test]
    fn only_an_undone_commit_is_certain() {
        for code in [1021, 1047, 1053, 1180, 1205, 1927] {
            let Failure::Driver(error) = Failure::server(code) else {
                unreachable!("that is what it makes");
            };
            let failure = Failure::of_commit(error);
            assert!(!failure.is_passing() && !failure.is_undone(), "{code}");
            let error = StoreError::from(failure);
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
        let Failure::Driver(error) = Failure::server(1213) else {
            unreachable!("that is what it makes");
        };
        assert!(Failure::of_commit(error).is_undone());
    }
}
