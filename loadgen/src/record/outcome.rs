//! The outcome of one request.

use crate::failure::Failure;

/// The outcome of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The status. `None` if no head was read.
    pub(crate) status: Option<u16>,
    /// Length of the body.
    pub(crate) body_bytes: u64,
    /// Why it failed. `None` if the answer is as the scenario expects.
    pub(crate) failure: Option<Failure>,
    /// True if a connection took it, after which it may have reached the service.
    pub(crate) is_written: bool,
}
