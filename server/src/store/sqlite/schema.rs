//! Opens connections to a SQLite file and brings its schema up to date.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::failure::failed;
use crate::store::StoreError;

/// Each migration once, in order; `user_version` says how many have run.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_service.sql"),
    include_str!("../../../migrations/sqlite/0002_heartbeat.sql"),
];

/// How much of the file is read by mapping it. Readers see a page of the mapping without copying
/// it; what lies beyond is read with a system call. SQLite cuts this down to what its build allows
/// (2 GB).
const MMAP_BYTES: i64 = 64 << 30;
/// The prepared statements a connection keeps: there are fewer than this.
const STATEMENTS: usize = 64;

/// Opens the writing connection and runs the migrations that are missing.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // Two or three posts of about 2.3 KB, content and HTML, share a page of this size, where
        // one of 4 KB would hold one and waste the rest. It counts only while the file is empty.
        connection.pragma_update(None, "page_size", 8_192)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // Each commit syncs the log: what is acknowledged survives a power cut.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
        keep_statements(&connection)?;
        migrate(&mut connection)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| could_not_open(path, &error))?;
    let version = version(&connection).map_err(|error| could_not_open(path, &error))?;
    if version as usize > MIGRATIONS.len() {
        return Err(StoreError::Other(format!(
            "{} was written by a newer tenfold (schema {version}, known up to {}); use that one \
             or another file",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    Ok(connection)
}

/// Opens a reading connection to a file that [`open_writer`] has opened before.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // In WAL mode a reader waits for nobody, but for the moment in which a log is recovered.
        connection.busy_timeout(Duration::from_millis(250))?;
        connection.pragma_update(None, "cache_size", -8_192)?;
        connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
        keep_statements(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| could_not_open(path, &error))
}

/// Lets a prepared statement stay as it was prepared. Without the stability guarantee, SQLite would
/// plan anew whenever another value is bound, which costs more than the point read that follows.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Immediate, so that two processes that start at once do not both migrate.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = version(&transaction)?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS) {
        if number > done {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", (), |row| row.get(0))
}

fn could_not_open(path: &Path, error: &rusqlite::Error) -> StoreError {
    let what = format!("could not open the database {}", path.display());
    match failed(error) {
        StoreError::Full(reason) => StoreError::Full(format!("{what}: {reason}")),
        StoreError::Unavailable(reason) => StoreError::Unavailable(format!("{what}: {reason}")),
        _ => StoreError::Other(format!("{what}: {error}")),
    }
}
