//! Connections to a SQLite file, and schema migrations.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::failure::failed;
use crate::store::StoreError;

/// Migrations, in order; `user_version` is the number of those applied.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_service.sql"),
    include_str!("../../../migrations/sqlite/0002_heartbeat.sql"),
    include_str!("../../../migrations/sqlite/0003_shards.sql"),
    include_str!("../../../migrations/sqlite/0004_feeds.sql"),
    include_str!("../../../migrations/sqlite/0005_photos.sql"),
];

/// Size of the memory map. Readers access mapped pages without copying; the rest is read with system calls.
/// SQLite caps it at the limit of its build (2 GB).
const MMAP_BYTES: i64 = 64 << 30;
/// Capacity of the statement cache of a connection: more than there are statements.
const STATEMENTS_MAX: usize = 128;

/// Opens the write connection and applies pending migrations.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // A page of this size holds two or three posts of about 2.3 KB with content and HTML. A page of
        // 4 KB would hold one and waste the rest. Effective only for new files.
        connection.pragma_update(None, "page_size", 8_192)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // Each commit syncs the log, so that acknowledged writes survive a power failure.
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
            "{} was written by a newer tenfold (schema {version}, supported up to {}); use that \
             version or another file",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    Ok(connection)
}

/// Opens a read connection to a file previously opened by [`open_writer`].
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // In WAL mode a reader only waits while a log is recovered.
        connection.busy_timeout(Duration::from_millis(250))?;
        connection.pragma_update(None, "cache_size", -8_192)?;
        connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
        keep_statements(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| could_not_open(path, &error))
}

/// Makes prepared statements stable. Otherwise, SQLite plans a statement again whenever other values are
/// bound, which costs more than a point read.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Immediate, so that two processes starting at once do not both migrate.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = version(&transaction)?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS) {
        if number > applied {
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
    let context = format!("could not open the database {}", path.display());
    match failed(error) {
        StoreError::Full(reason) => StoreError::Full(format!("{context}: {reason}")),
        StoreError::Unavailable(reason) => StoreError::Unavailable(format!("{context}: {reason}")),
        _ => StoreError::Other(format!("{context}: {error}")),
    }
}
