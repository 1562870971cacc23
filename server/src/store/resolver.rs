//! Resolver: opens the store of a URL. Only this file depends on features.

use std::sync::Arc;

use super::old_posts::OldPosts;
use super::sharded::{Directory, Shard, ShardedOptions, ShardedStore};
use super::{FeedTable, MemoryPhotos, MemoryStore, Outbox, PhotoTable, Store, StoreError};

/// Opens the store at a URL: `sqlite:PATH`, `mysql://user:password@host:port/database` or `memory:`.
/// Creates the schema if it is missing.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in; otherwise the error of the
/// backend. Messages never contain the password.
pub async fn resolve(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(resolve_base(url).await?)
}

/// Opens the store at a URL, with its written feeds and its outbox.
///
/// # Errors
/// As [`resolve`].
pub async fn resolve_base(url: &str) -> Result<Arc<dyn Base>, StoreError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryStore::default())),
        Some(("sqlite", path)) if !path.is_empty() => Ok(sqlite(path).await?),
        Some(("mysql", _)) => Ok(mysql(url).await?),
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
        Some(("mysql", _)) => Ok(lazy_mysql(url)?),
        _ => Err(StoreError::Invalid(
            "invalid URL of a replica; use `mysql://user:password@host:port/database`".to_owned(),
        )),
    }
}

/// Opens a sharded store: the database of the users at a URL, and shards of posts, each `NAME=URL`.
///
/// # Errors
/// `Invalid` if a name or URL is not valid, or the store has other shards; otherwise the error of the backend.
/// Messages never contain a password.
pub async fn resolve_sharded(
    url: &str,
    shards: &[String],
) -> Result<Arc<ShardedStore>, StoreError> {
    let mut members = Vec::new();
    for shard in shards {
        let (name, url) = shard.split_once('=').ok_or_else(|| {
            StoreError::Invalid(
                "invalid shard; use `NAME=URL`, such as `posts-1=sqlite:PATH`".to_owned(),
            )
        })?;
        members.push((name.to_owned(), resolve_shard(name, url).await?));
    }
    let users = resolve_directory(url).await?;
    let store = ShardedStore::open(users, members, ShardedOptions::default()).await?;
    Ok(Arc::new(store))
}

/// Opens the database of the users of a sharded store.
///
/// # Errors
/// As [`resolve_sharded`].
pub async fn resolve_directory(url: &str) -> Result<Arc<dyn Directory>, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(sqlite(path).await?),
        Some(("mysql", _)) => Ok(mysql(url).await?),
        _ => Err(StoreError::Invalid(
            "a store with shards needs a database of users; use `sqlite:PATH` or \
             `mysql://user:password@host:port/database`"
                .to_owned(),
        )),
    }
}

/// Prepares a shard, whose server need not be running yet.
///
/// # Errors
/// As [`resolve_sharded`].
pub async fn resolve_shard(name: &str, url: &str) -> Result<Arc<dyn Shard>, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(sqlite(path).await?),
        Some(("mysql", _)) => Ok(lazy_mysql(url)?),
        _ => Err(StoreError::Invalid(format!(
            "invalid URL of the shard `{name}`; use `sqlite:PATH` or \
             `mysql://user:password@host:port/database`"
        ))),
    }
}

/// Prepares a database whose old posts can be moved elsewhere: `mysql://user:password@host:port/database`. Its server need not be running yet.
///
/// # Errors
/// As [`resolve_sharded`].
pub fn resolve_old_posts(url: &str) -> Result<Arc<dyn OldPosts>, StoreError> {
    match url.split_once(':') {
        Some(("mysql", _)) => old_posts_of_mysql(url),
        _ => Err(StoreError::Invalid(
            "only the old posts of a database at `mysql://user:password@host:port/database` can be moved"
                .to_owned(),
        )),
    }
}

/// Opens the database of photos at a URL: `sqlite:PATH`, `mysql://user:password@host:port/database` or `memory:`.
///
/// # Errors
/// As [`resolve`].
pub async fn resolve_photos(url: &str) -> Result<Arc<dyn PhotoTable>, StoreError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryPhotos::default())),
        Some(("sqlite", path)) if !path.is_empty() => Ok(sqlite(path).await?),
        Some(("mysql", _)) => Ok(mysql(url).await?),
        _ => Err(StoreError::Invalid(
            "invalid URL of the database of photos; use `sqlite:PATH` or \
             `mysql://user:password@host:port/database`"
                .to_owned(),
        )),
    }
}

/// Store with everything in one database.
pub trait Base: FeedTable + Outbox {}

impl<T: FeedTable + Outbox> Base for T {}

/// A backend that can be any database of a store.
trait Database: Base + Directory + Shard + PhotoTable {}

impl<T: Directory + Shard + PhotoTable> Database for T {}

#[cfg(feature = "sqlite")]
async fn sqlite(path: &str) -> Result<Arc<dyn Database>, StoreError> {
    let opened = super::sqlite::SqliteStore::open(path.as_ref()).await?;
    Ok(Arc::new(opened))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str) -> Result<Arc<dyn Database>, StoreError> {
    Err(not_compiled("sqlite"))
}

#[cfg(feature = "mysql")]
async fn mysql(url: &str) -> Result<Arc<dyn Database>, StoreError> {
    Ok(Arc::new(super::mysql::MysqlStore::open(url).await?))
}

#[cfg(not(feature = "mysql"))]
async fn mysql(_: &str) -> Result<Arc<dyn Database>, StoreError> {
    Err(not_compiled("mysql"))
}

/// Connects at the first call.
#[cfg(feature = "mysql")]
fn lazy_mysql(url: &str) -> Result<Arc<dyn Database>, StoreError> {
    Ok(Arc::new(super::mysql::MysqlStore::replica(url)?))
}

#[cfg(not(feature = "mysql"))]
fn lazy_mysql(_: &str) -> Result<Arc<dyn Database>, StoreError> {
    Err(not_compiled("mysql"))
}

#[cfg(feature = "mysql")]
fn old_posts_of_mysql(url: &str) -> Result<Arc<dyn OldPosts>, StoreError> {
    Ok(Arc::new(super::mysql::MysqlStore::replica(url)?))
}

#[cfg(not(feature = "mysql"))]
fn old_posts_of_mysql(_: &str) -> Result<Arc<dyn OldPosts>, StoreError> {
    Err(not_compiled("mysql"))
}

#[cfg(not(all(feature = "sqlite", feature = "mysql")))]
fn not_compiled(feature: &str) -> StoreError {
    StoreError::Invalid(format!(
        "tenfold was compiled without the `{feature}` feature"
    ))
}
