//! Chooses the cache by URL: the one place that knows what was compiled in.

use std::sync::Arc;

use super::{Cache, CacheError, MemoryCache};

/// Opens the cache at a URL: `memory:`, `redis://user:password@host:port/number`, or `rediss://…` for
/// TLS, whose `?ca=FILE` names the certificates to trust. A Redis that is not there yet is no error: it
/// is used once it answers.
///
/// # Errors
/// `Invalid` where the URL is not understood or the backend was not compiled in. The password never
/// appears in a message.
pub fn resolve(url: &str) -> Result<Arc<dyn Cache>, CacheError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryCache::default())),
        Some(("redis" | "rediss", _)) => redis(url),
        // Whatever else it is may hold a password.
        _ => Err(CacheError::Invalid(
            "not the URL of a cache; use `redis://user:password@host:port` or `memory:`".to_owned(),
        )),
    }
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<Arc<dyn Cache>, CacheError> {
    let redis = super::redis::RedisCache::open(url)?;
    Ok(Arc::new(super::GuardedCache::new(Arc::new(redis))))
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
    fn what_is_not_a_cache_is_refused_without_its_password() {
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
    fn what_was_not_compiled_in_is_named() {
        let error = resolve("redis://127.0.0.1").unwrap_err();
        assert!(error.to_string().contains("without the `redis` feature"));
    }
}
