//! Times of the operations that any design is made of: reads from memory and disk, a round trip, a read from a cache.
//!
//! Each function measures for about a second at most, and returns one time for each operation, in the order in which they ran.

mod disk;
mod loopback;
mod memory;
mod redis;

use std::time::{Duration, Instant};

pub use disk::{Disk, DiskKind, disk};
pub use loopback::loopback;
pub use memory::memory;
pub use redis::redis;

/// Bytes of a page of memory, and a multiple of the block size of every usual disk.
const PAGE_BYTES: usize = 4096;

/// Bytes of a sequential read: a megabyte, rounded up to whole pages.
pub const SEQUENTIAL_BYTES: usize = 1_000_000_usize.div_ceil(PAGE_BYTES) * PAGE_BYTES;

/// Most time for the operations of one kind.
const TIME_MAX: Duration = Duration::from_secs(1);

/// Times an operation up to `count` times, and for [`TIME_MAX`] at most. The first error ends it.
fn times(
    count: usize,
    mut operation: impl FnMut(usize) -> std::io::Result<()>,
) -> std::io::Result<Vec<Duration>> {
    let began = Instant::now();
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let start = Instant::now();
        operation(index)?;
        times.push(start.elapsed());
        if began.elapsed() > TIME_MAX {
            break;
        }
    }
    Ok(times)
}
