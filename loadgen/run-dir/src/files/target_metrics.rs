//! `metrics.json`: metrics that the target reported over the time of a run.

use serde::{Deserialize, Serialize};

/// Metrics that the target reported at `/metrics`, at equal times.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetMetrics {
    /// Times of the scrapes, in nanoseconds since the start of the run. The first may be before the first arrival.
    pub at_ns: Vec<u64>,
    /// Series, each with a value for every scrape.
    pub series: Vec<MetricSeries>,
    /// Series that were not recorded, because there were too many.
    #[serde(default)]
    pub left_out: u64,
}

/// One metric over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSeries {
    /// Name, with a selector if it was chosen by one, or is of one shard: `queue_depth{queue="mail"}`, `calls{shard="1"}`.
    pub name: String,
    /// Kind of the values.
    pub kind: MetricKind,
    /// `true` if it was chosen by name. Other series are the sums of all labels of a metric, or of all
    /// but the label `shard`.
    #[serde(default)]
    pub chosen: bool,
    /// Value at each scrape, as reported. `None` if it was not reported.
    pub values: Vec<Option<f64>>,
}

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A total that only grows. Its change over time is of interest.
    Counter,
    /// A value that may rise and fall.
    Gauge,
}
