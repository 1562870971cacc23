//! A complete answer.

use crate::http::kept::Kept;

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// When the first byte of its head arrived; over HTTP/2, when the head was complete. Interim
    /// answers (1xx) don't count.
    pub(crate) first_byte_ns: u64,
    /// When the last byte of its body arrived.
    pub(crate) done_ns: u64,
    /// Delay between that arrival and our read. `None` without a kernel timestamp.
    pub(crate) read_lag_ns: Option<u64>,
    /// Length of its body.
    pub(crate) body_bytes: u64,
    /// The kept parts. `None` if nothing was to be kept.
    pub(crate) kept: Option<Kept>,
}
