//! Latencies of a run: merged over time, by percentile, by scope, and interval by interval.

pub(crate) mod counted_latencies;
pub(crate) mod distribution;
pub(crate) mod exchange_times;
pub(crate) mod interval_group;
pub(crate) mod percentiles;
pub(crate) mod scope;
pub(crate) mod scope_intervals;
pub(crate) mod second;
