//! Resolver: opens the cache of a URL. Only this file depends on features.

use std::sync::Arc;

use super::{Cache, CacheError, MemoryCache};

/// Opens the cache at a URL: `memory:`, `redis://user:password@host:port/number`, or `rediss://…` for
/// TLS. There, `?ca=FILE` names the trusted certificates. Redis need not be running yet: it is used once it
/// responds.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in. Messages never contain the
/// password.
pub fn resolve(url: &str) -> Result<Arc<dyn Cache>, CacheError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryCache::default())),
        Some(("redis" | "rediss", _)) => redis(url),
        // Other URLs may contain a password.
        _ => Err(CacheError::Invalid(
            "invalid URL of a cache; use `redis://user:password@host:port` or `memory:`".to_owned(),
        )),
    }
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<Arc<dyn Cache>, CacheError> {
    let redis = super::redis::RedisCache::open(url)?;
    Ok(Arc::new(super::CircuitBreaker::new(Arc::new(redis))))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<Arc<dyn Cache>, CacheError> {
    Err(CacheError::Invalid(
        "tenfold was compiled without the `redis` feature".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_url_without_printing_password() {
        for url in [
            "",
            "memory",
            "memory:x",
            "http://u:hunter2@h",
            "mysql://u:hunter2@h/d",
        ] {
            let error = resolve(url).unwrap_err();
            assert!(matches!(&error, CacheError::Invalid(_)), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    #[cfg(not(feature = "redis"))]
    fn names_missing_feature() {
        let error = resolve("redis://127.0.0.1").unwrap_err();
        assert!(error.to_string().contains("without the `redis` feature"));
    }
}
