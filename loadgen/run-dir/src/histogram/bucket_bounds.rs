//! The buckets in which latencies are told to Prometheus.

/// Upper bounds of the buckets in which latencies are told to Prometheus and in OpenMetrics, in
/// nanoseconds; each bucket holds its bound, and what is longer than all of them is in a last one.
///
/// The live exposition and the file of a finished run have the same, so that they can be set against each other.
pub const BUCKET_BOUNDS_NS: [u64; 19] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    600_000_000_000,
];
