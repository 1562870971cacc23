//! `summary.json`: the figures, verdict and findings of a run. Its shape is a public contract.

pub(crate) mod arrivals;
pub(crate) mod finding;
pub(crate) mod generator;
pub(crate) mod hot_keys;
pub(crate) mod identities;
pub(crate) mod rates;
pub(crate) mod request;
pub(crate) mod rule_result;
pub(crate) mod usage;
pub(crate) mod verdict;
pub(crate) mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Connections;
use tenfold_run_dir::counts::JourneyCounts;
use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::sample::Sample;

use crate::latency::percentiles::Latencies;
use crate::summary::arrivals::Arrivals;
use crate::summary::finding::Finding;
use crate::summary::generator::Generator;
use crate::summary::hot_keys::HotKeys;
use crate::summary::identities::Identity;
use crate::summary::rates::Rates;
use crate::summary::request::{Group, RequestSummary};
use crate::summary::rule_result::RuleResult;
use crate::summary::usage::{HostUsage, TargetUsage};
use crate::summary::verdict::Verdict;

/// The version of the summary's shape.
pub const SUMMARY_VERSION: u32 = 1;

/// What a run came to.
///
/// Figures are of the counted phases, not of warm-up, unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this shape.
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed in force.
    pub seed: u64,
    /// The stage of the reference service; none for another service.
    pub stage: Option<String>,
    /// The address that was sent to.
    pub target: String,
    /// `open` or `closed`.
    pub model: String,
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// The runs that it was merged from; empty for a run of one generator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<Part>,
    /// How long the counted phases lasted, in seconds.
    pub counted_s: f64,
    /// How far the figures can be trusted, and whether the objectives are met.
    pub verdict: Verdict,
    /// What became of the arrivals.
    pub arrivals: Arrivals,
    /// What became of the arrivals of warm-up, which nothing else here counts.
    pub warm_up: Arrivals,
    /// Offered and achieved rate.
    pub rate_per_s: Rates,
    /// Latencies of all requests.
    pub latency_ns: Latencies,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// The reads among the requests.
    pub reads: Group,
    /// The writes among the requests.
    pub writes: Group,
    /// The requests, in the scenario's order.
    pub requests: Vec<RequestSummary>,
    /// The objectives, in the scenario's order.
    pub rules: Vec<RuleResult>,
    /// What sending took.
    pub generator: Generator,
    /// How the target was talked to, warm-up included; none in a run of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// What the target's process took; none where it did not tell.
    pub target_usage: Option<TargetUsage>,
    /// What the machine of the generator was under; none where the system did not tell.
    pub host_usage: Option<HostUsage>,
    /// How much of the load went to the most popular keys, by key space.
    pub hot_keys: Vec<HotKeys>,
    /// What must hold in every run, and whether it does.
    pub identities: Vec<Identity>,
    /// What stands out, the most important first.
    pub findings: Vec<Finding>,
    /// What to do next, in a sentence or two.
    pub next: String,
    /// What became of journeys, warm-up included; none where requests come one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneyCounts>,
    /// What came back where requests failed, a few of each kind, secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}
