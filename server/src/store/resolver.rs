//! Resolver: opens the store of a URL. Only this file depends on features.

use std::sync::Arc;

use super::{MemoryStore, Store, StoreError};

/// Opens the store at a URL: `sqlite:PATH`, `mysql://user:password@host:port/database` or `memory:`.
/// Creates the schema if it is missing.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in; otherwise the error of the
/// backend. Messages never contain the password.
pub async fn resolve(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryStore::default())),
        Some(("sqlite", path)) if !path.is_empty() => sqlite(path).await,
        Some(("mysql", _)) => mysql(url).await,
        // Other URLs may contain a password.
        _ => Err(StoreError::Invalid(
            "invalid URL of a store; use `sqlite:PATH`, \
             `mysql://user:password@host:port/database` or `memory:`"
                .to_owned(),
        )),
    }
}

/// Prepares reads from the replica at a URL: `mysql://user:password@host:port/database`, which may be a
/// load balancer in front of several. It need not be running yet.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in. Messages never contain the
/// password.
pub fn resolve_replica(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':') {
        Some(("mysql", _)) => mysql_replica(url),
        _ => Err(StoreError::Invalid(
            "invalid URL of a replica; use `mysql://user:password@host:port/database`".to_owned(),
        )),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(path: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(
        super::sqlite::SqliteStore::open(path.as_ref()).await?,
    ))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str) -> Result<Arc<dyn Store>, StoreError> {
    Err(not_compiled("sqlite"))
}

#[cfg(feature = "mysql")]
async fn mysql(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(super::mysql::MysqlStore::open(url).await?))
}

#[cfg(feature = "mysql")]
fn mysql_replica(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(super::mysql::MysqlStore::replica(url)?))
}

#[cfg(not(feature = "mysql"))]
fn mysql_replica(_: &str) -> Result<Arc<dyn Store>, StoreError> {
    Err(not_compiled("mysql"))
}

#[cfg(not(feature = "mysql"))]
async fn mysql(_: &str) -> Result<Arc<dyn Store>, StoreError> {
    Err(not_compiled("mysql"))
}

#[cfg(not(all(feature = "sqlite", feature = "mysql")))]
fn not_compiled(feature: &str) -> StoreError {
    StoreError::Invalid(format!(
        "tenfold was compiled without the `{feature}` feature"
    ))
}
