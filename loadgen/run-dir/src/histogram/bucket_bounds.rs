//! Buckets of the latency histograms for Prometheus and OpenMetrics.

/// Upper bounds of the buckets of latency histograms for Prometheus and OpenMetrics, in nanoseconds.
///
/// A bucket includes its bound. One more bucket holds longer latencies. The live exposition and the export of a finished
/// run have the same buckets, so that they can be compared.
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
