//! Heap profiles of a build without the feature `heap-profile`: none.

/// Failure to capture a profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeapError {
    /// The allocator does not sample.
    #[error(
        "the service was compiled without the `heap-profile` feature; start `tenfold-heap-profiled`"
    )]
    Off,
}

impl HeapError {
    /// Returns whether this build has no heap profiles.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }
}

/// Captures nothing.
///
/// # Errors
/// Always.
#[expect(clippy::unused_async, reason = "the other build waits")]
pub(crate) async fn capture() -> Result<Vec<u8>, HeapError> {
    Err(HeapError::Off)
}
