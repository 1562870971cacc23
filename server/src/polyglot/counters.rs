//! Counters by name.

use std::fmt;

use async_trait::async_trait;

use crate::store::StoreError;

/// Maximum length of a counter's name, in bytes.
pub const COUNTER_BYTES_MAX: usize = 64;

/// Counters that only grow, such as the views of a post.
#[async_trait]
pub trait Counters: Send + Sync + fmt::Debug + 'static {
    /// Adds to a counter, which begins at 0, and returns the sum. `Invalid` if the name is empty or too long. After `Unavailable`, the addition may
    /// or may not count.
    async fn add(&self, name: &str, by: u32) -> Result<u64, StoreError>;

    /// Returns the value of a counter, 0 if nothing was added.
    async fn value(&self, name: &str) -> Result<u64, StoreError>;
}

/// Checks the name of a counter, as every implementation of [`Counters`] does.
///
/// # Errors
/// `Invalid` if it is empty or longer than [`COUNTER_BYTES_MAX`].
pub fn check_name(name: &str) -> Result<(), StoreError> {
    match (1..=COUNTER_BYTES_MAX).contains(&name.len()) {
        true => Ok(()),
        false => Err(StoreError::Invalid(format!(
            "the name of a counter must be 1 to {COUNTER_BYTES_MAX} bytes long, not {}",
            name.len()
        ))),
    }
}
