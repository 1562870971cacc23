//! Resolver: opens the queue of a URL. Only this file depends on features.

use std::sync::Arc;

use super::{MemoryQueue, Queue, QueueError, QueueOptions};

/// Opens the queue at a URL: `memory:`, `nats://user:password@host:port/NAME`, or `tls://…` for TLS. There,
/// `?ca=FILE` names the trusted certificates. NATS need not be running yet.
///
/// # Errors
/// `Invalid` if the URL is invalid or its backend was not compiled in. Messages never contain the
/// password.
pub fn resolve(url: &str, options: &QueueOptions) -> Result<Arc<dyn Queue>, QueueError> {
    resolve_beside(url, None, options)
}

/// Opens a queue beside that of a URL, at the same server, with a suffix to its name.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_beside(
    url: &str,
    suffix: Option<&str>,
    options: &QueueOptions,
) -> Result<Arc<dyn Queue>, QueueError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryQueue::new(options.clone()))),
        Some(("nats" | "tls", _)) => nats(url, suffix, options),
        // Other URLs may contain a password.
        _ => Err(QueueError::Invalid(
            "invalid URL of a queue; use `nats://user:password@host:port/NAME` or `memory:`"
                .to_owned(),
        )),
    }
}

#[cfg(feature = "nats")]
fn nats(
    url: &str,
    suffix: Option<&str>,
    options: &QueueOptions,
) -> Result<Arc<dyn Queue>, QueueError> {
    let nats = super::nats::NatsQueue::open_beside(url, suffix, options.clone())?;
    let nats = Arc::new(nats);
    Ok(Arc::new(super::guarded::GuardedQueue::new(nats)))
}

#[cfg(not(feature = "nats"))]
fn nats(_: &str, _: Option<&str>, _: &QueueOptions) -> Result<Arc<dyn Queue>, QueueError> {
    Err(QueueError::Invalid(
        "tenfold was compiled without the `nats` feature".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_url_without_printing_password() {
        for url in ["", "memory", "memory:x", "amqp://u:hunter2@h"] {
            let error = resolve(url, &QueueOptions::default()).unwrap_err();
            assert!(matches!(&error, QueueError::Invalid(_)), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    #[cfg(not(feature = "nats"))]
    fn names_missing_feature() {
        let error = resolve("nats://127.0.0.1", &QueueOptions::default()).unwrap_err();
        assert!(error.to_string().contains("without the `nats` feature"));
    }
}
