//! Brings the schema of a MySQL database up to date.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::failure::Failure;
use crate::store::StoreError;

/// Each migration once, in order; `schema_version` says how many have run.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/mysql/0001_service.sql"),
    include_str!("../../../migrations/mysql/0002_heartbeat.sql"),
];

/// Runs the migrations that are missing, one process at a time.
pub(super) async fn migrate(connection: &mut Conn) -> Result<(), Failure> {
    let locked: Option<(Option<i64>,)> = connection
        .query_first("SELECT GET_LOCK(CONCAT('tenfold.', DATABASE()), 8)")
        .await?;
    if locked != Some((Some(1),)) {
        let why = "another process is changing the schema, or the URL names no database";
        return Err(Failure::Store(StoreError::Unavailable(why.to_owned())));
    }
    let migrated = migrate_locked(connection).await;
    connection
        .query_drop("DO RELEASE_LOCK(CONCAT('tenfold.', DATABASE()))")
        .await?;
    migrated
}

async fn migrate_locked(connection: &mut Conn) -> Result<(), Failure> {
    connection
        .query_drop(
            "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY) \
             ENGINE = InnoDB",
        )
        .await?;
    let done: Option<(i64,)> = connection
        .query_first("SELECT COALESCE(MAX(version), 0) FROM schema_version")
        .await?;
    let done = done.map_or(0, |(version,)| version);
    if done > MIGRATIONS.len() as i64 {
        return Err(Failure::Store(StoreError::Other(format!(
            "it was written by a newer tenfold (schema {done}, known up to {}); use that one or \
             another database",
            MIGRATIONS.len()
        ))));
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > done {
            connection.query_drop(*migration).await?;
            let mark = "INSERT INTO schema_version (version) VALUES (?)";
            connection.exec_drop(mark, (version,)).await?;
        }
    }
    Ok(())
}
