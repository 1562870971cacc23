//! Resolver: opens the store of a URL for each trait. Only this file depends on features.

use std::sync::Arc;

use super::{Counters, Feeds, PostDocuments, Recommendations, Sessions};
use crate::store::StoreError;

/// Opens sessions at a URL: `mysql://user:password@host:port/database`, or `redis-cluster://:password@host:port,host:port`, and
/// `rediss-cluster://…?ca=FILE` for TLS.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in, `Unavailable` if the store does not respond. Messages never contain the
/// password. So for all stores here.
pub async fn resolve_sessions(url: &str) -> Result<Arc<dyn Sessions>, StoreError> {
    match scheme(url) {
        "mysql" => Ok(mysql(url).await?),
        "redis-cluster" | "rediss-cluster" => Ok(redis_cluster(url).await?),
        _ => Err(invalid("sessions", "`mysql://` or `redis-cluster://`")),
    }
}

/// Opens counters at a URL, as that of [`resolve_sessions`].
///
/// # Errors
/// As [`resolve_sessions`].
pub async fn resolve_counters(url: &str) -> Result<Arc<dyn Counters>, StoreError> {
    match scheme(url) {
        "mysql" => Ok(mysql(url).await?),
        "redis-cluster" | "rediss-cluster" => Ok(redis_cluster(url).await?),
        _ => Err(invalid("counters", "`mysql://` or `redis-cluster://`")),
    }
}

/// Opens feeds at a URL: `mysql://user:password@host:port/database` or `cassandra://user:password@host:port,host:port/keyspace`, the latter for any
/// server of CQL.
///
/// # Errors
/// As [`resolve_sessions`].
pub async fn resolve_feeds(url: &str) -> Result<Arc<dyn Feeds>, StoreError> {
    match scheme(url) {
        "mysql" => Ok(mysql(url).await?),
        "cassandra" => Ok(cassandra(url).await?),
        _ => Err(invalid("feeds", "`mysql://` or `cassandra://`")),
    }
}

/// Opens documents at a URL: `mysql://user:password@host:port/database` or `arcadedb://user:password@host:port/database`.
///
/// # Errors
/// As [`resolve_sessions`].
pub async fn resolve_post_documents(url: &str) -> Result<Arc<dyn PostDocuments>, StoreError> {
    match scheme(url) {
        "mysql" => Ok(mysql(url).await?),
        "arcadedb" => Ok(arcadedb(url).await?),
        _ => Err(invalid("documents", "`mysql://` or `arcadedb://`")),
    }
}

/// Opens a graph at a URL, as that of [`resolve_post_documents`].
///
/// # Errors
/// As [`resolve_sessions`].
pub async fn resolve_recommendations(url: &str) -> Result<Arc<dyn Recommendations>, StoreError> {
    match scheme(url) {
        "mysql" => Ok(mysql(url).await?),
        "arcadedb" => Ok(arcadedb(url).await?),
        _ => Err(invalid("recommendations", "`mysql://` or `arcadedb://`")),
    }
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// The URL itself may contain a password.
fn invalid(what: &str, schemes: &str) -> StoreError {
    StoreError::Invalid(format!(
        "invalid URL of a store of {what}; use one that begins with {schemes}"
    ))
}

#[cfg(feature = "mysql")]
async fn mysql(url: &str) -> Result<Arc<super::mysql::MysqlPolyglot>, StoreError> {
    Ok(Arc::new(super::mysql::MysqlPolyglot::open(url).await?))
}

#[cfg(feature = "redis")]
async fn redis_cluster(url: &str) -> Result<Arc<super::redis_cluster::RedisCluster>, StoreError> {
    Ok(Arc::new(
        super::redis_cluster::RedisCluster::open(url).await?,
    ))
}

#[cfg(feature = "scylla")]
async fn cassandra(url: &str) -> Result<Arc<super::cassandra::CassandraFeeds>, StoreError> {
    Ok(Arc::new(super::cassandra::CassandraFeeds::open(url).await?))
}

#[cfg(feature = "arcadedb")]
async fn arcadedb(url: &str) -> Result<Arc<super::arcadedb::ArcadeDb>, StoreError> {
    Ok(Arc::new(super::arcadedb::ArcadeDb::open(url).await?))
}

#[cfg(not(feature = "mysql"))]
async fn mysql<T>(_: &str) -> Result<T, StoreError> {
    Err(without("mysql"))
}

#[cfg(not(feature = "redis"))]
async fn redis_cluster<T>(_: &str) -> Result<T, StoreError> {
    Err(without("redis"))
}

#[cfg(not(feature = "scylla"))]
async fn cassandra<T>(_: &str) -> Result<T, StoreError> {
    Err(without("scylla"))
}

#[cfg(not(feature = "arcadedb"))]
async fn arcadedb<T>(_: &str) -> Result<T, StoreError> {
    Err(without("arcadedb"))
}

#[cfg(not(all(
    feature = "mysql",
    feature = "redis",
    feature = "scylla",
    feature = "arcadedb"
)))]
fn without(feature: &str) -> StoreError {
    StoreError::Invalid(format!(
        "tenfold was compiled without the `{feature}` feature"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rejects_invalid_url_without_printing_password() {
        for url in ["", "mysql:x", "sqlite:a", "mongodb://u:hunter2@h/d"] {
            let errors = [
                resolve_sessions(url).await.unwrap_err(),
                resolve_counters(url).await.unwrap_err(),
                resolve_feeds(url).await.unwrap_err(),
                resolve_post_documents(url).await.unwrap_err(),
                resolve_recommendations(url).await.unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(&error, StoreError::Invalid(_)), "{url}: {error}");
                assert!(!format!("{error} {error:?}").contains("hunter2"));
            }
        }
    }

    #[tokio::test]
    async fn bad_parts_of_urls_are_invalid() {
        for url in [
            "redis-cluster://",
            "redis-cluster://:hunter2@",
            "redis-cluster://:hunter2@h:x",
            "rediss-cluster://:hunter2@h:1?ca=/nowhere/ca.pem",
        ] {
            refuses(resolve_sessions(url).await.unwrap_err(), url);
        }
        for url in [
            "cassandra://",
            "cassandra://h:9042",
            "cassandra://u:hunter2@h:x/feeds",
            "cassandra://u:hunter2@h:9042/feeds;",
        ] {
            refuses(resolve_feeds(url).await.unwrap_err(), url);
        }
        for url in [
            "arcadedb://",
            "arcadedb://u:hunter2@h:1",
            "arcadedb://u:hunter2@h:x/d",
            "arcadedb://h:2480/d",
            "arcadedb://u:hunter2@h:2480/a/b",
        ] {
            refuses(resolve_recommendations(url).await.unwrap_err(), url);
        }
    }

    fn refuses(error: StoreError, url: &str) {
        assert!(matches!(&error, StoreError::Invalid(_)), "{url}: {error}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{url}: {error}"
        );
    }
}
