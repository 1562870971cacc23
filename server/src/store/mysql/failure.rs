//! What a failure of MySQL means to the caller.

use mysql_async::{DriverError, Error, ServerError};

use crate::store::StoreError;

/// Why an attempt did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service's own reason; trying again is of no use.
    Store(StoreError),
    /// The driver's or server's reason.
    Driver(Error),
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
    /// Whether the server undid the transaction for the sake of another and asks to try again.
    pub(super) fn is_deadlock(&self) -> bool {
        matches!(
            self,
            Self::Driver(Error::Server(ServerError { code: 1213, .. }))
        )
    }

    /// Whether the key is there already.
    pub(super) fn is_taken(&self) -> bool {
        matches!(
            self,
            Self::Driver(Error::Server(ServerError { code: 1062, .. }))
        )
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Driver(error) => failed(&error),
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
                // Too many connections, shutting down, killed, limits, lock wait, deadlock,
                // read-only, statement timeout.
                1040 | 1053 | 1203 | 1205 | 1213 | 1226 | 1290 | 1317 | 1792 | 1836 | 1927
                | 1969 | 3024 => StoreError::Unavailable(text),
                _ => StoreError::Other(text),
            }
        }
        Error::Io(error) => StoreError::Unavailable(format!("mysql: {error}")),
        Error::Driver(
            error @ (DriverError::ConnectionClosed
            | DriverError::PoolDisconnected
            | DriverError::PacketOutOfOrder),
        ) => StoreError::Unavailable(format!("mysql: {error}")),
        error => StoreError::Other(format!("mysql: {error}")),
    }
}
