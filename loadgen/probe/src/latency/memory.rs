//! A megabyte read sequentially from memory.

use std::hint::black_box;
use std::time::Duration;

use super::{SEQUENTIAL_BYTES, times};
use crate::host;

/// Bytes to read from: more than the caches of usual processors hold.
const BUFFER_BYTES: usize = 256 * 1024 * 1024;

/// Times sequential reads of a megabyte from memory that is in no cache.
///
/// # Errors
/// If this machine has too little free memory, with the reason.
pub fn memory() -> Result<Vec<Duration>, String> {
    let free = host::available_memory_bytes();
    if free.is_some_and(|free| free < 2 * BUFFER_BYTES as u64) {
        return Err("less than 512 MiB of memory is free".to_owned());
    }
    // Any value but 0, so that the kernel maps every page.
    let bytes = vec![1_u8; BUFFER_BYTES];
    let mut pieces = bytes.chunks_exact(SEQUENTIAL_BYTES);
    // A comparison with a piece that stays in the cache reads as fast as the processor can, in any build.
    let cached = vec![1_u8; SEQUENTIAL_BYTES];
    let count = pieces.len();
    times(count, |_| {
        let piece = pieces.next().unwrap_or_default();
        black_box(piece == cached);
        Ok(())
    })
    .map_err(|error| error.to_string())
}
