//! Latency histograms: their shape, and compact forms of them.

mod bucket_bounds;
mod encoding;
mod sparse;
mod sum;

use hdrhistogram::{Counter, Histogram};

pub use bucket_bounds::BUCKET_BOUNDS_NS;
pub(crate) use encoding::decode;
pub use sparse::SparseHistogram;
pub use sum::HistogramSum;

/// Longest latency that can be recorded: one hour, in nanoseconds. Longer ones count as this.
pub const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Significant decimal digits of a latency histogram.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// Creates an empty histogram of the shape that a run records latencies in.
pub fn latency_histogram<C: Counter>() -> Histogram<C> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that HdrHistogram accepts")
}
