//! The end of one request, as the recorder counts it.

use crate::failure::Failure;

/// What an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The status, where a head was read.
    pub(crate) status: Option<u16>,
    /// Bytes of body.
    pub(crate) body_bytes: u64,
    /// Why it failed; none where it is what the scenario expects.
    pub(crate) failure: Option<Failure>,
    /// Whether it was handed to a connection; it may have reached the service from then on.
    pub(crate) is_written: bool,
}
