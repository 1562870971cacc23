//! A stack by addresses.

use std::sync::Arc;

use crate::code_place::Frame;
use crate::thread_pools::PoolId;

/// A stack by addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stack {
    /// Threads that it belongs to.
    pub(crate) pool: PoolId,
    /// Frames, innermost first.
    pub(crate) frames: Arc<[Frame]>,
}
