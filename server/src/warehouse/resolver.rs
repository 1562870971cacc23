//! Resolver: opens the warehouse of a URL. Only this file depends on features.

use std::sync::Arc;

use super::Warehouse;
use crate::store::StoreError;

/// Opens the warehouse at a URL: `clickhouse://user:password@host:port/database`. Creates its table if it is missing; the database must exist.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in, `Unavailable` if the server does not respond. Messages never contain the
/// password.
pub async fn resolve(url: &str) -> Result<Arc<dyn Warehouse>, StoreError> {
    match url.split_once("://") {
        Some(("clickhouse", _)) => clickhouse(url).await,
        // Other URLs may contain a password.
        _ => Err(StoreError::Invalid(
            "invalid URL of a warehouse; use `clickhouse://user:password@host:port/database`"
                .to_owned(),
        )),
    }
}

#[cfg(feature = "clickhouse")]
async fn clickhouse(url: &str) -> Result<Arc<dyn Warehouse>, StoreError> {
    Ok(Arc::new(super::clickhouse::ClickHouse::open(url).await?))
}

#[cfg(not(feature = "clickhouse"))]
async fn clickhouse(_: &str) -> Result<Arc<dyn Warehouse>, StoreError> {
    Err(StoreError::Invalid(
        "tenfold was compiled without the `clickhouse` feature".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rejects_invalid_url_without_printing_password() {
        for url in [
            "",
            "clickhouse:x",
            "mysql://u:hunter2@h/d",
            "clickhouse://u:hunter2@h:1/",
            "clickhouse://u:hunter2@h/d",
            "clickhouse://u:hunter2@h:1/d;",
        ] {
            let error = resolve(url).await.unwrap_err();
            assert!(matches!(&error, StoreError::Invalid(_)), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
