//! The figures of one request of the scenario, and of the reads or the writes together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::CheckCounts;

use crate::latency::percentiles::Latencies;
use crate::summary::arrivals::Arrivals;
use crate::summary::rates::Rates;

/// The reads, or the writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What became of the arrivals.
    pub arrivals: Arrivals,
    /// Offered and achieved rate.
    pub rate_per_s: Rates,
    /// Their latencies.
    pub latency_ns: Latencies,
}

/// One request of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Its name.
    pub name: String,
    /// `read` or `write`.
    pub kind: String,
    /// Its HTTP method.
    pub method: String,
    /// What became of the arrivals.
    pub arrivals: Arrivals,
    /// Its latencies.
    pub latency_ns: Latencies,
    /// Answers by status.
    pub statuses: BTreeMap<String, u64>,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// What came of its checks, by name; none where it has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCounts>,
}
