//! Mapping of SQLite errors to store errors.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// Converts an error.
pub(super) fn failed(error: &Error) -> StoreError {
    let Error::SqliteFailure(failure, _) = error else {
        return match error {
            Error::QueryReturnedNoRows => StoreError::NotFound,
            _ => StoreError::Other(format!("sqlite: {error}")),
        };
    };
    match (failure.code, failure.extended_code) {
        // Foreign keys refer to users and posts only.
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::NotFound,
        (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            StoreError::Conflict("it exists already".to_owned())
        }
        // After a failed sync, it is unknown what reached the disk.
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => {
            StoreError::Unavailable(format!("could not sync: {error}"))
        }
        (ErrorCode::SystemIoFailure, ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ) => {
            StoreError::Unavailable(format!("could not read: {error}"))
        }
        (ErrorCode::DiskFull | ErrorCode::SystemIoFailure, _) => {
            StoreError::Full(error.to_string())
        }
        (
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted,
            _,
        ) => StoreError::Unavailable(format!("sqlite: {error}")),
        _ => StoreError::Other(format!("sqlite: {error}")),
    }
}

/// Returns true if an insert failed because its key exists.
pub(super) fn is_taken(error: &Error) -> bool {
    matches!(failed(error), StoreError::Conflict(_))
}
