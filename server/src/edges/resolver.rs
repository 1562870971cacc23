//! Resolver: prepares purges of an edge. Only this file depends on features.

use std::sync::Arc;

use super::Edge;
use crate::store::StoreError;

/// Prepares purges of the edge at a URL, `http://host:port`, which need not be running yet.
///
/// # Errors
/// `Invalid` if the URL or the key is invalid, or purges were not compiled in.
#[cfg(feature = "cdn")]
pub(super) fn resolve(url: &str, key: &str) -> Result<Arc<dyn Edge>, StoreError> {
    Ok(Arc::new(super::varnish::Varnish::new(url, key)?))
}

/// As above, without purges.
#[cfg(not(feature = "cdn"))]
pub(super) fn resolve(_: &str, _: &str) -> Result<Arc<dyn Edge>, StoreError> {
    Err(StoreError::Invalid(
        "tenfold was compiled without the `cdn` feature".to_owned(),
    ))
}
