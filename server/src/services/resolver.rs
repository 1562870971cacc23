//! Resolver: prepares calls of another part at a URL. Only this file depends on features.

use std::sync::Arc;

use super::Remote;
use crate::store::StoreError;

/// Prepares calls of the processes at a URL, `http://host:port,host:port`, which need not be running yet. `part` is their name in
/// messages, `key` the key that all parts share.
///
/// # Errors
/// `Invalid` if the URL or the key is invalid, or calls were not compiled in.
#[cfg(feature = "services")]
pub(crate) fn resolve(
    part: &'static str,
    url: &str,
    key: &str,
) -> Result<Arc<dyn Remote>, StoreError> {
    Ok(Arc::new(super::http::HttpRemote::new(part, url, key)?))
}

/// As above, without calls.
#[cfg(not(feature = "services"))]
pub(crate) fn resolve(_: &'static str, _: &str, _: &str) -> Result<Arc<dyn Remote>, StoreError> {
    Err(StoreError::Invalid(
        "tenfold was compiled without the `services` feature".to_owned(),
    ))
}
