//! Latencies of a run: over the counted phases, by percentile, by scope and by interval.

pub(crate) mod counted_latencies;
pub(crate) mod distribution;
pub(crate) mod exchange_times;
pub(crate) mod percentiles;
pub(crate) mod scope;
pub(crate) mod scope_intervals;
pub(crate) mod second;
