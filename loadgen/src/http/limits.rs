//! Limits on the size of an answer.

/// The longest head of a response, which bounds memory if headers never end.
pub(crate) const HEAD_BYTES_MAX: usize = 256 * 1024;

/// The most headers of a response.
pub(crate) const HEADERS_MAX: usize = 1024;

/// The most bytes of empty lines before a response.
pub(crate) const EMPTY_LINES_BYTES_MAX: usize = 1024;

/// The most bytes between the data of two chunks, and of all trailers together.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest message of gRPC that is kept, in bytes, four times what most clients read.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest line or event, in bytes, which bounds memory if a stream never ends them.
pub(crate) const EVENT_BYTES_MAX: usize = 1024 * 1024;
