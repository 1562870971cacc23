//! Chooses the backend by URL: the one place that knows which were compiled in.

use std::sync::Arc;

use super::{MemoryStore, Store, StoreError};

/// Opens the store at a URL: `sqlite:PATH`, `mysql://user:password@host:port/database` or
/// `memory:`, creating the schema where it is missing.
///
/// # Errors
/// `Invalid` where the URL is not understood or the backend was not compiled in, otherwise
/// whatever opening the store met. The password never appears in a message.
pub async fn resolve(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryStore::default())),
        Some(("sqlite", path)) if !path.is_empty() => sqlite(path).await,
        Some(("mysql", _)) => mysql(url).await,
        // Whatever else it is may hold a password.
        _ => Err(StoreError::Invalid(
            "not the URL of a store; use `sqlite:PATH`, \
             `mysql://user:password@host:port/database` or `memory:`"
                .to_owned(),
        )),
    }
}

/// Prepares to read from the replica at a URL: `mysql://user:password@host:port/database`, which may be
/// the address of a balancer before several. It need not be there yet.
///
/// # Errors
/// `Invalid` where the URL is not understood or the backend was not compiled in. The password never
/// appears in a message.
pub fn resolve_replica(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':') {
        Some(("mysql", _)) => mysql_replica(url),
        _ => Err(StoreError::Invalid(
            "not the URL of a replica; use `mysql://user:password@host:port/database`".to_owned(),
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
