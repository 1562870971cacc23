//! Schema migrations of a MySQL database.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::failure::Failure;
use crate::store::StoreError;

/// Migrations, in order; `schema_version` contains those applied.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/mysql/0001_service.sql"),
    include_str!("../../../migrations/mysql/0002_heartbeat.sql"),
    include_str!("../../../migrations/mysql/0003_shards.sql"),
    include_str!("../../../migrations/mysql/0004_feeds.sql"),
    include_str!("../../../migrations/mysql/0005_photos.sql"),
];

/// Applies pending migrations, one process at a time.
pub(super) async fn migrate(connection: &mut Conn) -> Result<(), Failure> {
    let locked: Option<(Option<i64>,)> = connection
        .query_first("SELECT GET_LOCK(CONCAT('tenfold.', DATABASE()), 8)")
        .await?;
    if locked != Some((Some(1),)) {
        let why = "another process is migrating the schema, or the URL has no database";
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
    let applied: Option<(i64,)> = connection
        .query_first("SELECT COALESCE(MAX(version), 0) FROM schema_version")
        .await?;
    let applied = applied.map_or(0, |(version,)| version);
    if applied > MIGRATIONS.len() as i64 {
        return Err(Failure::Store(StoreError::Other(format!(
            "it was written by a newer tenfold (schema {applied}, supported up to {}); use that \
             version or another database",
            MIGRATIONS.len()
        ))));
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > applied {
            connection.query_drop(*migration).await?;
            let insert = "INSERT INTO schema_version (version) VALUES (?)";
            connection.exec_drop(insert, (version,)).await?;
        }
    }
    Ok(())
}
