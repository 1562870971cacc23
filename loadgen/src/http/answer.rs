//! An answer that was read to its end.

use crate::http::kept::Kept;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// When the first byte of its head had arrived, over HTTP/2 when its head was there; interim
    /// answers (1xx) don't count.
    pub(crate) first_byte_ns: u64,
    /// When the last byte of its body had arrived.
    pub(crate) done_ns: u64,
    /// How long that byte lay there before it was read; none where nobody tells.
    pub(crate) read_lag_ns: Option<u64>,
    /// Length of its body.
    pub(crate) body_bytes: u64,
    /// What was kept of it, where anything was to be.
    pub(crate) kept: Option<Kept>,
}
